/** @file Which class a clip belongs to once it is mirrored. */

/** Words, also within camelCase: `turn left`, `turn_left`, `turnLeft`; not `upright` or `cleft`. */
const DIRECTION =
  /(?<![A-Za-z])(?:[Ll]eft|[Rr]ight)(?![a-z])|(?<=[a-z])(?:Left|Right)(?![a-z])|(?<![A-Za-z])(?:LEFT|RIGHT)(?![A-Za-z])/g;

const swap = (name: string): string =>
  name.replace(DIRECTION, (word) => {
    const other = word.toLowerCase() === 'left' ? 'right' : 'left';
    if (word === word.toUpperCase()) return other.toUpperCase();
    return word[0] === word[0]!.toUpperCase() ? other[0]!.toUpperCase() + other.slice(1) : other;
  });

/**
 * For each class the one that its mirror image shows: of `walk left` it is `walk right`, of `jump` it is `jump`. −1 where a
 * name has a direction and its counterpart is no class: such clips must not be mirrored.
 */
export function mirroredClasses(classes: readonly string[]): number[] {
  return classes.map((name) => classes.indexOf(swap(name)));
}
