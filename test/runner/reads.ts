/**
 * Which files of this repository a module depends on: what it imports, what that imports, and what they name beside
 * that as files of theirs. A test that looks around in the repository depends on all of it.
 *
 * @module
 */
import { existsSync, globSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'

/** Everything: it starts the program, or looks into folders. */
export const ALL = 'all'

const IMPORTED = /(?:\bfrom|\bimport)\s*\(?\s*'(\.[^']+)'/g
/** `import.meta.url`, and what stands beside it: `new URL('./thread.ts', import.meta.url)`. */
const BESIDE_URL = /(?:new URL\(|resolve\()(['`])([^'`]+)\1/g
const BELOW_DIRNAME = /import\.meta\.dirname((?:,\s*'[^']*')*)/g
/** What is run by itself: `programFile('src/store/checkpoint-thread')`. */
const RUN_BY_ITSELF = /\b(programFile|labProgram)\((['`])([^'`]+)\2\)/g
const LOOKS_AROUND = /\bglobSync\(|bin\/backstitch/
const LITERAL = /'((?:docs|src|lab|bench|test|scripts|bin)\/[^'*\s]+|[\w-]+\.(?:md|json))'/g
const OF_TESTS = /^test\/|\.(test|fixture)\.ts$/

const read = new Map<string, string[]>()

/** @returns Paths from the working directory, sorted, `file` included; or ALL. */
export function readsOf(file: string): string[] | typeof ALL {
  const found = new Set<string>()
  const waiting = [path.normalize(file)]
  for (let one = waiting.pop(); one !== undefined; one = waiting.pop()) {
    if (found.has(one)) continue
    found.add(one)
    const next = directReads(one)
    if (next.includes(ALL)) return ALL
    waiting.push(...next)
  }
  return [...found].sort()
}

function directReads(file: string): string[] {
  let known = read.get(file)
  if (known === undefined) {
    known = file.endsWith('.ts') || file.endsWith('.mjs') ? look(file, readFileSync(file, 'utf8')) : []
    read.set(file, known)
  }
  return known
}

function look(file: string, text: string): string[] {
  const folder = path.dirname(file)
  const at = (name: string) => path.join(folder, name)
  const found = Array.from(text.matchAll(IMPORTED), ([, name]) => at(name!))
  const ofTests = OF_TESTS.test(file)
  if (ofTests && LOOKS_AROUND.test(text)) return [ALL]
  if (ofTests) found.push(...Array.from(text.matchAll(LITERAL), ([, name]) => name!))
  for (const [, how, , name] of text.matchAll(RUN_BY_ITSELF)) {
    const place = how === 'labProgram' ? `lab/${name}` : name!
    found.push(...globSync(`${place.replace(/\$\{.*?\}/g, '*')}.ts`))
  }
  if (text.includes('import.meta')) {
    for (const [, , name] of text.matchAll(BESIDE_URL))
      found.push(...globSync(at(name!.replace(/\$\{.*?\}/g, '*'))))
    for (const [, rest] of text.matchAll(BELOW_DIRNAME)) {
      const named = at(path.join('.', ...Array.from(rest!.matchAll(/'([^']*)'/g), ([, part]) => part!)))
      // The program names its own folder to recognise itself; a test does so to look into it.
      if (existsSync(named) && statSync(named).isDirectory() && ofTests) return [ALL]
      found.push(named)
    }
  }
  return found.filter((name) => existsSync(name) && statSync(name).isFile())
}
