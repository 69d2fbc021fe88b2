/** @file Words around numbers in messages. */

/** `1 frame`, `2 frames`: for nouns whose plural is regular, or given. */
export function counted(count: number, noun: string, plural = pluralOf(noun)): string {
  return `${count} ${count === 1 ? noun : plural}`;
}

const pluralOf = (noun: string): string => (/(s|x|ch|sh)$/.test(noun) ? `${noun}es` : `${noun}s`);

/** `a, b or c`. */
export const listed = (names: readonly string[], last = 'or'): string =>
  names.length > 1 ? `${names.slice(0, -1).join(', ')} ${last} ${names.at(-1)}` : names.join();
