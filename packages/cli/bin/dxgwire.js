#!/usr/bin/env node
// Checks the Node version first, in syntax that old versions read too, so that they say what is wrong.
var version = process.versions.node.split('.');
if (Number(version[0]) < 20 || (Number(version[0]) === 20 && Number(version[1]) < 11)) {
  console.error(
    'dxgwire: Node ' +
      process.versions.node +
      ' is too old; it needs Node 20.11 or newer (https://nodejs.org)',
  );
  process.exit(1);
} else {
  import('../dist/main.js').then(
    (loaded) => loaded.start(process.argv.slice(2)),
    (error) => {
      var notBuilt = error.code === 'ERR_MODULE_NOT_FOUND' && /dist.main\.js/.test(error.message);
      var text = notBuilt ? 'it is not built yet; run `pnpm build` first' : error.message;
      console.error(`dxgwire: ${text}`);
      if (process.env.DXGWIRE_DEBUG === '1') console.error(error);
      process.exit(1);
    },
  );
}
