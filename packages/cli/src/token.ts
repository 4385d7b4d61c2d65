/**
 * The token for a link: what was given, else DXGWIRE_TOKEN, else none. An option is seen by others in the list of
 * processes; the environment is not.
 */
export function tokenFrom(option: string | undefined): string | undefined {
  const token = option ?? process.env['DXGWIRE_TOKEN'];
  return token === '' ? undefined : token;
}
