/*
 * What the queues of a guest hold counts in its account `queuedBytes`: items with their private data, waits and signals
 * with their objects, operations of updates.
 */

/**
 * What one item costs that is queued, bytes, besides the data it carries: 885 of heap were measured for one with a byte
 * of data (Node 20), rounded up.
 */
export const QUEUED_ITEM_BYTES = 1024;

/** What one object and value of a queued wait or signal costs, bytes: elements of three arrays that grow; 55 were measured. */
export const QUEUED_OBJECT_BYTES = 64;
