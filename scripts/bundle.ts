/**
 * `npm run bundle [-- FOLDER]`: the program as packages ship it, made into FOLDER (default: dist), which must not hold
 * anything else. It needs nothing beside it: Node is in it, and of the libraries what is used.
 *
 * Each file that is run by itself is at its place of the checkout, with .js for .ts (base/program-files.ts); what they
 * share, and what a command loads once it is called, is in chunks.
 *
 * @module
 */
import {
  chmodSync,
  constants,
  copyFileSync,
  globSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { rolldown } from 'rolldown'

const ROOT = path.join(import.meta.dirname, '..')
const to = path.resolve(process.argv[2] ?? path.join(ROOT, 'dist'))

/** What is run by itself: as the program, as a process of it, as a thread. */
const ENTRIES = [
  'src/cli/main.ts',
  ...['src/cli/demo/demo-application.ts', 'lab/main.ts'],
  ...globSync(['src/cli/{demo,server,workers}/*-main.ts', 'src/**/*-thread.ts', 'lab/{,wire/}*-main.ts'], {
    cwd: ROOT,
  }),
]

rmSync(to, { recursive: true, force: true })
const input = Object.fromEntries(ENTRIES.map((file) => [file.replace(/\.ts$/, ''), path.join(ROOT, file)]))
await using bundle = await rolldown({
  ...{ input, cwd: ROOT, platform: 'node', tsconfig: false },
  // Optional native parts of ws, which it does without.
  external: ['bufferutil', 'utf-8-validate'],
  logLevel: 'warn',
})
await bundle.write({
  ...{ dir: to, format: 'esm', entryFileNames: '[name].js', chunkFileNames: 'chunks/[name]-[hash].js' },
  // Whoever reads a stack reads names and lines of the code.
  // What is waited for (src/cli/quick.ts) is two files, not thirty.
  codeSplitting: {
    groups: [
      { name: 'quick', test: /\/src\/cli\/(quick|last-words)\.ts$/, priority: 2 },
      { name: 'connect', test: /\/src\/client\/commands\/stdio-daemon\.ts$/, priority: 1 },
    ],
  },
})

const { name, version, license } = JSON.parse(
  readFileSync(path.join(ROOT, 'package.json'), 'utf8'),
) as Record<string, string>
writeFileSync(
  path.join(to, 'package.json'),
  `${JSON.stringify({ name, version, license, type: 'module' })}\n`,
)
for (const file of ['bin/backstitch', 'bin/node', 'LICENSE']) copy(path.join(ROOT, file), file)
copy(process.execPath, 'runtime/node')

function copy(from: string, at: string): void {
  const file = path.join(to, at)
  mkdirSync(path.dirname(file), { recursive: true })
  copyFileSync(from, file, constants.COPYFILE_FICLONE)
  if (!at.includes('LICENSE')) chmodSync(file, 0o755)
}
