// Runs before a package is packed. The manifests name each other as `workspace:*`, which pnpm replaces by versions, as it
// drops this script; npm would leave both in, and nobody could install what it makes.
const agent = process.env['npm_config_user_agent'] ?? '';
if (!agent.startsWith('pnpm/')) {
  console.error(
    'npm would pack `workspace:*` as it stands, which nothing can install: use `npx pnpm@12.21.0 pack`',
  );
  process.exit(1);
}
