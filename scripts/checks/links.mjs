// Checks that every relative link of a Markdown file leads to a file, and every anchor to a heading.
// Prints `file:line: problem` for each broken link; exit status 1 if there is one.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

const pages = execFileSync('git', ['ls-files', '*.md'], { encoding: 'utf8' }).trim().split('\n');

/** The text without fenced code and code spans, line by line, so that line numbers stay. */
function prose(text) {
  let fenced = false;
  return text.split('\n').map((line) => {
    if (/^\s*(```|~~~)/.test(line)) {
      fenced = !fenced;
      return '';
    }
    return fenced ? '' : line.replace(/`[^`]*`/g, (code) => ' '.repeat(code.length));
  });
}

/** Anchors as GitHub makes them: lower case, punctuation dropped, spaces to hyphens, repeats numbered. */
function anchors(page) {
  const seen = new Map();
  const found = new Set();
  let fenced = false;
  for (const line of readFileSync(page, 'utf8').split('\n')) {
    if (/^\s*(```|~~~)/.test(line)) fenced = !fenced;
    for (const [, id] of line.matchAll(/<a (?:id|name)="([^"]+)"/g)) found.add(id);
    const heading = fenced ? null : /^#{1,6}\s+(.*?)\s*#*$/.exec(line);
    if (!heading) continue;
    const text = heading[1].replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replace(/[`*]/g, '');
    const anchor = text.toLowerCase().replace(/[^\p{L}\p{N}\p{M}_\- ]/gu, '').replace(/ /g, '-');
    const repeats = seen.get(anchor) ?? 0;
    seen.set(anchor, repeats + 1);
    found.add(repeats === 0 ? anchor : `${anchor}-${repeats}`);
  }
  return found;
}

let broken = 0;
for (const page of pages) {
  prose(readFileSync(page, 'utf8')).forEach((line, index) => {
    const targets = [...line.matchAll(/\]\(<?([^)<>\s]+)>?(?:\s+"[^"]*")?\)/g)].map((link) => link[1]);
    targets.push(...[...line.matchAll(/^\[[^\]]+\]:\s*(\S+)/g)].map((link) => link[1]));
    for (const target of targets) {
      if (/^[a-z][a-z0-9+.-]*:/i.test(target)) continue;
      const [path, anchor] = target.split('#');
      const file = path === '' ? page : normalize(join(dirname(page), decodeURI(path)));
      let problem = null;
      if (!existsSync(file)) problem = `no such file: ${target}`;
      else if (anchor && statSync(file).isFile() && file.endsWith('.md') && !anchors(file).has(anchor)) {
        problem = `no such heading: ${target}`;
      }
      if (problem) {
        broken += 1;
        console.log(`${page}:${index + 1}: ${problem}`);
      }
    }
  });
}
console.log(broken === 0 ? `${pages.length} pages, no broken link` : `${broken} broken links`);
process.exitCode = broken === 0 ? 0 : 1;
