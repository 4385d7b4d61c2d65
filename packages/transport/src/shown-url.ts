/**
 * A URL as errors and logs may show it: without what follows `?`, which may hold a token, and without a name and a password. Takes
 * what is no URL as well.
 */
export function shownUrl(text: string): string {
  return text.replace(/[?#].*/s, '').replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/]*@/i, '$1');
}
