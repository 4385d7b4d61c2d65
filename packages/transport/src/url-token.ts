/**
 * The token in a URL's query, without its `?`; empty for none. `+` stands for itself, not for a space as in forms: tokens in
 * base64 are written as they are.
 */
export function tokenOfQuery(query: string): string {
  return new URLSearchParams(query.replaceAll('+', '%2B')).get('token') ?? '';
}
