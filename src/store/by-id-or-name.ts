/**
 * What a word means that may be an id or a name: the one place that decides. An id names one thing, whatever somebody
 * has called another.
 *
 * @param find Looks in one column.
 */
export async function byIdOrName<Row>(
  word: string,
  find: (column: 'id' | 'name', word: string) => Promise<Row | undefined>,
): Promise<Row | undefined> {
  return (await find('id', word)) ?? find('name', word)
}

/** The same among things that are at hand. */
export function amongByIdOrName<One extends { readonly id: string; readonly name: string }>(
  all: readonly One[],
  word: string,
): One | undefined {
  return all.find(({ id }) => id === word) ?? all.find(({ name }) => name === word)
}
