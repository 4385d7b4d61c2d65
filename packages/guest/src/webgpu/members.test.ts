import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { globals } from './globals.ts';

/** Mixins and namespaces of `@webgpu/types`, and what is no interface object there. */
const NO_INTERFACE = /Mixin$|^GPUObjectBase$|^GPUPipelineBase$|^NavigatorGPU$/;

interface Declared {
  readonly parents: readonly string[];
  readonly members: readonly string[];
}

/** The interfaces that `@webgpu/types` declares, with their members' names. */
function declaredInterfaces(): Map<string, Declared> {
  const path = createRequire(import.meta.url).resolve('@webgpu/types/dist/index.d.ts');
  const text = readFileSync(path, 'utf8').replace(/\/\*[\s\S]*?\*\//g, '');
  const found = new Map<string, Declared>();
  for (const [, name, heritage = '', body = ''] of text.matchAll(
    /^interface (\w+)\s*(?:extends([^{]*))?\{\n([\s\S]*?)^\}/gm,
  )) {
    const parents = heritage.split(',').map((parent) => parent.trim());
    const members = [...body.matchAll(/^ {2}(?:readonly )?(\w+)\??[(:]/gm)].map(([, member]) => member!);
    const known = found.get(name!);
    found.set(name!, {
      parents: [...(known?.parents ?? []), ...parents],
      members: [...(known?.members ?? []), ...members],
    });
  }
  return found;
}

test('every interface and member of the standard is there', () => {
  const interfaces = declaredInterfaces();
  const membersOf = (name: string): readonly string[] => {
    const declared = interfaces.get(name);
    if (declared === undefined) return [];
    return [...declared.members, ...declared.parents.flatMap(membersOf)];
  };
  const declaredClasses = [...interfaces.keys()].filter((name) => {
    const isInterface = membersOf(name).includes('__brand');
    return isInterface && !NO_INTERFACE.test(name);
  });
  assert.ok(declaredClasses.length > 30, String(declaredClasses));
  for (const name of declaredClasses) {
    const type = (globals as Record<string, unknown>)[name];
    assert.equal(typeof type, 'function', name);
    const { prototype } = type as { prototype: object };
    for (const member of membersOf(name)) {
      if (member === '__brand') continue;
      assert.ok(member in prototype, `${name}.${member}`);
    }
  }
  for (const name of ['GPUBufferUsage', 'GPUColorWrite', 'GPUMapMode', 'GPUShaderStage', 'GPUTextureUsage']) {
    const constants = membersOf(name);
    assert.ok(constants.length > 0);
    for (const constant of constants) {
      assert.ok(constant in (globals as Record<string, object>)[name]!, `${name}.${constant}`);
    }
  }
});
