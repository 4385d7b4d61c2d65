import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';

/**
 * Bundles a module of `../page` for a browser, as a user's bundler would: nothing of Node is replaced or left out, so
 * that an import of it fails.
 *
 * @param replaced - Modules that stand in for others, by name: for test tools only.
 */
export async function bundleForBrowser(
  name: string,
  replaced: Readonly<Record<string, string>> = {},
): Promise<string> {
  const here = (file: string): string => fileURLToPath(new URL(`../page/${file}`, import.meta.url));
  const replace: Plugin = {
    name: 'replace',
    setup({ onResolve }) {
      onResolve({ filter: /^node:/ }, ({ path }) => {
        const file = replaced[path];
        return file === undefined ? undefined : { path: here(file) };
      });
    },
  };
  const { outputFiles } = await build({
    entryPoints: [here(name)],
    bundle: true,
    write: false,
    platform: 'browser',
    format: 'esm',
    target: 'es2022',
    logLevel: 'silent',
    plugins: [replace],
  });
  return outputFiles[0]?.text ?? '';
}
