import { z } from 'zod'

/** The keys that `schema` knows at `path`: for messages about unknown ones. Empty where any key goes. */
export function keysAt(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  const keys = new Set<string>()
  for (const part of partsAt([schema], path)) {
    if (part instanceof z.ZodObject) for (const key of Object.keys(part.shape)) keys.add(key)
  }
  return [...keys]
}

function partsAt(schemas: z.ZodType[], path: readonly PropertyKey[]): z.ZodType[] {
  const bare = schemas.flatMap(unwrap)
  const [step, ...rest] = path
  if (step === undefined) return bare
  return partsAt(
    bare.flatMap((schema) => inside(schema, step)),
    rest,
  )
}

/** Takes off what does not change the keys: optional, default, transform, union. */
function unwrap(schema: z.ZodType): z.ZodType[] {
  if (schema instanceof z.ZodUnion) return (schema.options as z.ZodType[]).flatMap(unwrap)
  if (schema instanceof z.ZodPipe) return unwrap(schema.in as z.ZodType)
  if (
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodNullable ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodReadonly
  ) {
    return unwrap(schema.unwrap() as z.ZodType)
  }
  return [schema]
}

function inside(schema: z.ZodType, step: PropertyKey): z.ZodType[] {
  if (schema instanceof z.ZodObject) {
    const next = Object.hasOwn(schema.shape, step) ? schema.shape[step as string] : undefined
    return next === undefined ? [] : [next as z.ZodType]
  }
  if (schema instanceof z.ZodArray) return [schema.element as z.ZodType]
  if (schema instanceof z.ZodRecord) return [schema.valueType as z.ZodType]
  return []
}
