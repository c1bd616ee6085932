// Counts what the house's rules are about, in code that is not a test: long functions, undocumented public items, unwraps,
// long files, comments with words that cannot be searched, `cfg(feature = "ssr")`, lines of each crate.
//
//   node scripts/checks/census.mjs [--list]      --list names the functions of over 80 lines, too
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { argv } from 'node:process';

const VAGUE = /\b(whoever|somebody|someone|nobody|everybody|anybody)\b/i;
const files = execFileSync('git', ['ls-files', '*.rs'], { encoding: 'utf8' })
  .trim()
  .split('\n')
  .filter((file) => !/(^|\/)tests\//.test(file));

/** Without the modules at the end of a file that are compiled for tests alone. */
const shipped = (text) => text.replace(/\n#\[cfg\(test\)\]\nmod \w+ \{[\s\S]*/, '\n');

/** Strings, characters and comments become blanks, so that braces can be counted. */
const bare = (text) =>
  text.replace(/\/\/[^\n]*|r(#+)"[\s\S]*?"\1|b?"(?:\\[\s\S]|[^"\\])*"|'(?:\\[^\n]{1,9}|[^'\\\n])'/g, (match) => match.replace(/[^\n]/g, ' '));

const functions = [];
let publicItems = 0;
let documented = 0;
let unwraps = 0;
let longFiles = 0;
let vague = 0;
let ssr = 0;
let wide = 0;
const crates = new Map();

for (const file of files) {
  const whole = readFileSync(file, 'utf8');
  const text = shipped(whole);
  const lines = text.split('\n');
  const code = bare(text);
  const crate = file.split('/src/')[0];
  crates.set(crate, (crates.get(crate) ?? 0) + lines.length);
  if (whole.split('\n').length > 1000) longFiles += 1;
  wide += lines.filter((line) => line.length > 100 && !/^\s*\/\/[/!]? *\|/.test(line)).length;
  vague += lines.filter((line) => /^\s*\/\//.test(line) && VAGUE.test(line)).length;
  ssr += lines.filter((line) => line.includes('feature = "ssr"')).length;
  unwraps += (code.match(/\.unwrap\(\)/g) ?? []).length;
  lines.forEach((line, at) => {
    if (!/^\s*pub (?:async |const |unsafe )*(?:fn|struct|enum|trait|const|static|type|mod)\b/.test(line)) return;
    if (/^\s*pub mod \w+;/.test(line)) return;
    publicItems += 1;
    let before = at - 1;
    while (before >= 0 && /^\s*#|^\s*[\w(),="']*\)\]$/.test(lines[before])) before -= 1;
    if (before >= 0 && /^\s*\/\/\//.test(lines[before])) documented += 1;
  });
  for (const match of code.matchAll(/^[ \t]*(?:pub(?:\([^)]*\))? )?(?:async |const |unsafe )*fn (\w+)/gm)) {
    const open = code.indexOf('{', match.index);
    const semicolon = code.indexOf(';', match.index);
    if (open === -1 || (semicolon !== -1 && semicolon < open)) continue;
    let depth = 0;
    let end = open;
    for (; end < code.length; end += 1) {
      if (code[end] === '{') depth += 1;
      if (code[end] === '}' && (depth -= 1) === 0) break;
    }
    const first = code.slice(0, match.index).split('\n').length;
    functions.push({ name: match[1], file, first, lines: code.slice(match.index, end).split('\n').length });
  }
}

const over = (limit) => functions.filter((one) => one.lines > limit);
const percent = (part, all) => `${((100 * part) / all).toFixed(1)} %`;
const rows = [
  ['functions', functions.length],
  ['functions over 50 lines', percent(over(50).length, functions.length)],
  ['functions over 80 lines', over(80).length],
  ['functions over 100 lines', over(100).length],
  ['public items documented', percent(documented, publicItems)],
  ['unwrap', unwraps],
  ['files over 1,000 lines', longFiles],
  ['comment lines with whoever, somebody, nobody …', vague],
  ['lines over 100 columns', wide],
  ['lines with cfg(feature = "ssr")', ssr],
];
for (const [what, value] of rows) console.log(`${String(what).padEnd(48)} ${value}`);
for (const [crate, count] of [...crates].sort()) console.log(`${`lines of ${crate}`.padEnd(48)} ${count}`);
if (argv.includes('--list')) {
  for (const { file, first, name, lines } of over(80).sort((one, other) => other.lines - one.lines)) {
    console.log(`${file}:${first}: ${name} has ${lines} lines`);
  }
}
