import type { BusStatistics } from './transport.ts';

export function createBusStatistics(): BusStatistics {
  return {
    packetsSent: 0,
    packetsReceived: 0,
    bytesSent: 0,
    bytesReceived: 0,
    memoryBytesSent: 0,
    memoryBytesReceived: 0,
  };
}
