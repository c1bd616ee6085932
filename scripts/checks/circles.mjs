// Fails when features of a crate import each other in circles, and names the imports that close one.
//
// A feature is a folder or a file directly below `src/`. The crate's root (lib.rs, main.rs) puts features together and is
// none; what it re-exports counts as an import of the feature that defines it. Tests are left out.
//
//   node scripts/checks/circles.mjs [CRATE…]     e.g. services app; default: all crates
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { argv, exit } from 'node:process';

const files = execFileSync('git', ['ls-files', '*.rs'], { encoding: 'utf8' }).trim().split('\n');
const crates = new Map();
for (const file of files) {
  const [, crate, inside] = /^(.*?)\/?src\/(.*)\.rs$/.exec(file) ?? [];
  if (inside && !inside.startsWith('bin/')) crates.set(crate, [...(crates.get(crate) ?? []), { file, inside }]);
}

/** Code alone: comments, strings and what is compiled for tests become blanks, line by line. */
function code(text) {
  const blank = (match) => match.replace(/[^\n]/g, ' ');
  return text
    .replace(/\/\/[^\n]*|r(#+)"[\s\S]*?"\1|"(?:\\[\s\S]|[^"\\])*"/g, blank)
    .replace(/#\[cfg\((?:all\()?test\b[\s\S]*/, blank);
}

/** Paths that a `use` tree names: `a::{b, c::D}` is `a::b` and `a::c::D`. */
function leaves(tree, prefix = []) {
  const text = tree.trim();
  const brace = text.indexOf('{');
  if (brace === -1) return [[...prefix, ...text.replace(/\s+as\s+\w+/, '').split('::').map((part) => part.trim())]];
  const head = text.slice(0, brace).split('::').map((part) => part.trim()).filter(Boolean);
  const body = text.slice(brace + 1, text.lastIndexOf('}'));
  const parts = [];
  let depth = 0;
  let start = 0;
  for (let at = 0; at <= body.length; at += 1) {
    if (body[at] === '{') depth += 1;
    if (body[at] === '}') depth -= 1;
    if (at === body.length || (body[at] === ',' && depth === 0)) {
      if (body.slice(start, at).trim()) parts.push(body.slice(start, at));
      start = at + 1;
    }
  }
  return parts.flatMap((part) => leaves(part, [...prefix, ...head]));
}

/** All paths of a file that begin in this crate, as absolute module paths with the line they stand in. */
function paths(file, module) {
  const text = code(readFileSync(file, 'utf8'));
  const line = (at) => text.slice(0, at).split('\n').length;
  const found = [];
  const resolve = (parts, at) => {
    let path = [...parts];
    let base = module;
    if (path[0] === 'crate') {
      base = [];
      path = path.slice(1);
    } else if (path[0] === 'self') {
      path = path.slice(1);
    } else if (path[0] !== 'super') {
      return;
    }
    while (path[0] === 'super') {
      base = base.slice(0, -1);
      path = path.slice(1);
    }
    found.push({ path: [...base, ...path], line: line(at) });
  };
  const without = text.replace(/\buse\s+([^;]+);/g, (whole, tree, at) => {
    for (const leaf of leaves(tree)) resolve(leaf, at);
    return whole.replace(/[^\n]/g, ' ');
  });
  for (const match of without.matchAll(/\b(?:crate|super)(?:::\w+)+/g)) resolve(match[0].split('::'), match.index);
  return found;
}

/** Strongly connected components of more than one feature (Tarjan). */
function circles(edges) {
  const index = new Map();
  const low = new Map();
  const stack = [];
  const result = [];
  const visit = (node) => {
    index.set(node, index.size);
    low.set(node, index.get(node));
    stack.push(node);
    for (const next of edges.get(node)?.keys() ?? []) {
      if (!index.has(next)) {
        visit(next);
        low.set(node, Math.min(low.get(node), low.get(next)));
      } else if (stack.includes(next)) {
        low.set(node, Math.min(low.get(node), index.get(next)));
      }
    }
    if (low.get(node) === index.get(node)) {
      const circle = stack.splice(stack.indexOf(node));
      if (circle.length > 1) result.push(circle.sort());
    }
  };
  for (const node of edges.keys()) if (!index.has(node)) visit(node);
  return result;
}

let total = 0;
for (const [crate, members] of crates) {
  if (argv.length > 2 && !argv.slice(2).includes(crate)) continue;
  const features = new Set();
  const reexported = new Map();
  for (const { file, inside } of members) {
    const module = inside.replace(/\/mod$/, '').split('/');
    if (inside !== 'lib' && inside !== 'main') features.add(module[0]);
    else {
      for (const [, tree] of code(readFileSync(file, 'utf8')).matchAll(/\bpub(?:\(crate\))?\s+use\s+([^;]+);/g)) {
        for (const leaf of leaves(tree)) reexported.set(leaf.at(-1), leaf[0]);
      }
    }
  }
  const edges = new Map();
  for (const { file, inside } of members) {
    if (inside === 'lib' || inside === 'main') continue;
    const module = inside.replace(/\/mod$/, '').split('/');
    for (const { path, line } of paths(file, module)) {
      const target = features.has(path[0]) ? path[0] : reexported.get(path[0]);
      if (!target || target === module[0] || !features.has(target)) continue;
      const from = edges.get(module[0]) ?? edges.set(module[0], new Map()).get(module[0]);
      from.set(target, [...(from.get(target) ?? []), `${file}:${line}`]);
    }
  }
  for (const circle of circles(edges)) {
    total += 1;
    console.log(`${crate}: ${circle.length} features import each other: ${circle.join(', ')}`);
    for (const from of circle) {
      for (const [to, places] of edges.get(from) ?? []) {
        if (circle.includes(to)) console.log(`  ${from} -> ${to} (${places.length}): ${places.slice(0, 3).join(' ')}`);
      }
    }
  }
}
console.log(`${total} circles`);
exit(total === 0 ? 0 : 1);
