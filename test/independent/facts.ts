import { readFileSync } from 'node:fs';

/** The shape of the facts file, `test/fixtures/dxgkrnl-abi.json`; its `schema` member explains each field. */
export interface FactsField {
  name: string;
  type: string;
  offset: number;
  size: number;
  count?: number;
  bits?: { byteOffset: number; bitOffset: number; bitWidth: number; storageBytes: number };
  union?: string;
  alt?: number;
}

export interface FactsStruct {
  kind: 'struct' | 'union';
  size: number;
  align: number;
  fields: FactsField[];
}

export interface FactsTail {
  name: string;
  type: string;
  elementSize: number;
  count: string;
  offset: number | string;
  overlaysField?: string;
}

export interface FactsCommand {
  name: string;
  id: number;
  channel: 'vgpu' | 'global' | 'host';
  hdrProcess?: 'process' | 'zero' | 'target';
  request: string | null;
  requestFixedSize?: number;
  requestSize?: string;
  guestLimits?: Record<string, string>;
  requestTail: FactsTail[];
  response: string | null;
  responseSize?: string;
  responseTail: FactsTail[];
  responseVariants?: {
    when: string;
    response: string | null;
    responseSize: string;
    responseTail: FactsTail[];
  }[];
}

export interface Facts {
  structs: Record<string, FactsStruct>;
  enums: Record<string, Record<string, number>>;
  enumInfo: Record<string, { size: number; signed: boolean }>;
  commands: FactsCommand[];
}

// Compiled to test/dist/independent: the fixtures lie beside dist.
const path = new URL('../../fixtures/dxgkrnl-abi.json', import.meta.url);

export const facts: Facts = JSON.parse(readFileSync(path, 'utf8'));
