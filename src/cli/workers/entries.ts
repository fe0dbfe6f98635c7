/** The files that workers run. */
export const EDGE_WORKER = new URL('./edge-worker-main.ts', import.meta.url)
