/** @file Reads apt's lists of sources, in both of their styles, and derives the backports entry from the machine's own mirror. */

/**
 * The enabled binary sources of one file.
 * @returns {{ style: 'list' | 'sources', suites: string[], components: string[], uris: string[], signedBy: string, text: string }[]}
 *   `text` is the entry as written.
 */
export function parseSources(path, text) {
  return path.endsWith('.sources') ? parseStanzas(text) : parseLines(text);
}

/** deb822: fields `Name: value`, continued by indented lines; stanzas apart by blank lines. */
function parseStanzas(text) {
  const withoutComments = text.replace(/^#.*(\r?\n|$)/gm, '');
  return withoutComments.split(/\r?\n[ \t]*\r?\n/).flatMap((stanza) => {
    const fields = {};
    for (const [, name, value] of stanza.matchAll(/^([A-Za-z-]+):((?:.*)(?:\r?\n[ \t].*)*)/gm))
      fields[name.toLowerCase()] = value.trim();
    if (!words(fields.types).includes('deb') || /^(no|false|0|off|without|disable)$/i.test(fields.enabled ?? ''))
      return [];
    return [
      {
        style: 'sources',
        suites: words(fields.suites),
        components: words(fields.components),
        uris: words(fields.uris),
        signedBy: fields['signed-by'] ?? '',
        text: stanza.trim(),
      },
    ];
  });
}

/** One line each: `deb [options] uri suite component …`. */
function parseLines(text) {
  return text.split('\n').flatMap((line) => {
    const match = line.replace(/#.*/, '').match(/^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s*(.*)$/);
    if (!match) return [];
    const [entry, options = '', uri, suite, components] = match;
    const signedBy = options.match(/signed-by=(\S+)/i)?.[1] ?? '';
    return [
      { style: 'list', suites: [suite], components: words(components), uris: [uri], signedBy, text: entry.trim() },
    ];
  });
}

/**
 * A file for apt that offers the suite `backports` (`bookworm-backports`) of the mirror that the release itself comes from,
 * with the same options and key; undefined when no source offers the release.
 */
export function backportsOf(sources, backports) {
  const release = backports.replace(/-backports$/, '');
  const entries = sources.filter(
    ({ suites, components, uris }) =>
      suites.includes(release) && components.includes('main') && uris.some((uri) => !uri.startsWith('cdrom:')),
  );
  // Other vendors use Debian's code names too: Debian's own archive is known by its key or by its folder.
  const isDebians = ({ signedBy, uris }) =>
    /debian-archive/.test(signedBy) || uris.some((uri) => /\/debian\/?$/.test(uri));
  const entry = entries.find(isDebians) ?? entries[0];
  if (!entry) return undefined;
  const text =
    entry.style === 'list'
      ? entry.text.replace(new RegExp(`(\\s)${release}(\\s)`), `$1${backports}$2`)
      : entry.text
          .replace(/^Suites:.*(?:\r?\n[ \t].*)*/im, `Suites: ${backports}`)
          .replace(/^Types:.*(?:\r?\n[ \t].*)*/im, 'Types: deb');
  return { style: entry.style, text: `${text}\n` };
}

function words(text) {
  return (text ?? '').split(/\s+/).filter((word) => word !== '');
}
