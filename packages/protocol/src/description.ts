import * as enums from './enums.ts';
import * as flags from './flags.ts';
import { commandChannelType } from './schema/message.ts';
import type { Enumeration, FlagStruct, ScalarType } from './schema/types.ts';

/** The enumerations and flag words of the protocol as lists, for reference pages and tools in other languages. */

function isScalarType(value: object): value is ScalarType {
  return 'kind' in value && value.kind === 'scalar';
}

/** An enumeration with the name of its constant object. */
export interface NamedEnumeration extends Enumeration {
  /** `SyncObjectType`, as this package exports it. */
  readonly exportName: string;
}

/** A flag word with the name of its constant object. */
export interface NamedFlagStruct extends FlagStruct {
  readonly exportName: string;
  readonly sizeBytes: number;
}

/** `syncObjectTypeType` to `SyncObjectType`. */
function exportNameOf(typeName: string): string {
  const name = typeName.replace(/Type$/, '');
  return `${name[0]?.toUpperCase()}${name.slice(1)}`;
}

/** Every enumeration, in alphabetical order of the exported names. */
export const enumerations: readonly NamedEnumeration[] = Object.entries({
  ...enums,
  commandChannelType,
}).flatMap(([name, value]) =>
  isScalarType(value) && value.enumeration !== undefined
    ? [
        {
          ...value.enumeration,
          exportName: name === 'commandChannelType' ? 'CommandChannelType' : exportNameOf(name),
        },
      ]
    : [],
);

/** Every flag word. */
export const flagStructs: readonly NamedFlagStruct[] = Object.entries(flags).flatMap(([name, value]) =>
  isScalarType(value) && value.flags !== undefined
    ? [{ ...value.flags, exportName: exportNameOf(name), sizeBytes: value.sizeBytes }]
    : [],
);
