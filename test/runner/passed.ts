/**
 * Which test files passed here with exactly what they depend on today: they need not run again.
 *
 * @module
 */
import { hash } from 'node:crypto'
import { globSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { ALL, readsOf } from './reads.ts'

/** Never in the repository. */
const FILE = path.join('node_modules', '.cache', 'backstitch', 'passed.json')
const EVERYTHING = '{src,lab,bench,test,docs,bin,scripts}/**'
/** What every test depends on besides what it reads. */
const BENEATH = ['*.json', 'test/runner/*.ts', 'scripts/*.mjs']

interface Passed {
  readonly of: string
  readonly tests: number
}

export class PassedFiles {
  readonly #file: string
  readonly #passed: Map<string, Passed>
  /** As things stand before anything runs. */
  readonly #now = new Map<string, string>()
  readonly #contents = new Map<string, string>()
  #beneath: string | undefined
  #all: string | undefined

  constructor(file = FILE) {
    this.#file = file
    this.#passed = new Map(Object.entries(read(file)))
  }

  /** How many tests of this file passed, and nothing it depends on has changed since; undefined when it must run. */
  unchanged(testFile: string): number | undefined {
    const passed = this.#passed.get(testFile)
    return passed?.of === this.#stateOf(testFile) ? passed.tests : undefined
  }

  remember(testFile: string, tests: number): void {
    this.#passed.set(testFile, { of: this.#stateOf(testFile), tests })
  }

  forget(testFile: string): void {
    this.#passed.delete(testFile)
  }

  save(): void {
    mkdirSync(path.dirname(this.#file), { recursive: true })
    writeFileSync(this.#file, JSON.stringify(Object.fromEntries(this.#passed)))
  }

  #stateOf(testFile: string): string {
    let state = this.#now.get(testFile)
    if (state === undefined) {
      const reads = readsOf(testFile)
      const own = reads === ALL ? this.#everything() : this.#together(reads)
      this.#beneath ??= `${process.version} ${this.#together(BENEATH.flatMap((pattern) => globSync(pattern)))}`
      state = hash('sha256', `${this.#beneath} ${own}`)
      this.#now.set(testFile, state)
    }
    return state
  }

  #everything(): string {
    this.#all ??= this.#together(globSync(EVERYTHING).filter((file) => statSync(file).isFile()))
    return this.#all
  }

  #together(files: readonly string[]): string {
    return hash(
      'sha256',
      files
        .toSorted()
        .map((file) => `${file} ${this.#contentOf(file)}`)
        .join('\n'),
    )
  }

  #contentOf(file: string): string {
    let known = this.#contents.get(file)
    if (known === undefined) {
      known = hash('sha256', readFileSync(file))
      this.#contents.set(file, known)
    }
    return known
  }
}

/** One that is not there, or that nobody can read, remembers nothing. */
function read(file: string): Record<string, Passed> {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Record<string, Passed>
  } catch {
    return {}
  }
}
