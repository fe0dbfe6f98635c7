/** A resource as the API gives it; what a column does not find is shown as `-`. */
// biome-ignore lint/suspicious/noExplicitAny: rows of fifteen kinds, read by name and shown as text
export type ResourceRow = Record<string, any>
