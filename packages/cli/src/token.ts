import process from 'node:process';
import { UsageError } from './errors.ts';

/**
 * The token for a link: what was given, else DXGWIRE_TOKEN, else none. An option is seen by others in the list of
 * processes; the environment is not.
 *
 * @throws UsageError for characters that cannot travel in a header.
 */
export function tokenFrom(option: string | undefined): string | undefined {
  const token = option ?? process.env['DXGWIRE_TOKEN'];
  if (token === undefined || token === '') return undefined;
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw new UsageError('a token has ASCII letters, digits and signs only, no spaces');
  }
  return token;
}
