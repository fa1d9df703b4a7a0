/** Colours of services: classes `svc-0` ... of the style sheet, which knows both themes. */

export const COLOURS = 12;

/** FNV-1a: the same service begins at the same colour on every page. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193) >>> 0;
  }
  return value;
}

/** A colour for each name. Names that meet on one colour move on to a free one, as long as there is one. */
export function colours(names: Iterable<string>): Map<string, number> {
  const given = new Map<string, number>();
  const taken = new Set<number>();
  for (const name of [...new Set(names)].sort()) {
    let colour = hash(name) % COLOURS;
    while (taken.size < COLOURS && taken.has(colour)) colour = (colour + 1) % COLOURS;
    taken.add(colour);
    given.set(name, colour);
  }
  return given;
}
