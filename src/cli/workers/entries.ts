import { programFile } from '../../base/program-files.ts'

/** The files that workers run. */
export const EDGE_WORKER = programFile('src/cli/workers/edge-worker-main')
