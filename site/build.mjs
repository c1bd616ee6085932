// Puts target/site together for a release, as `cargo leptos build --release --precompress` would: wasm, script and style as
// small as they get, named by their hashes, and every file compressed beside itself.
//
//   node site/build.mjs PKG SITE HASHES
//     PKG      the folder with frontrow.js and frontrow_bg.wasm from wasm-bindgen
//     SITE     the folder to write, which is replaced
//     HASHES   the file that tells the server which hash is in which name
//
// What is configured for `make dev` under workspace.metadata.leptos in Cargo.toml holds here as well.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import browserslist from 'browserslist';
import { transformSync } from 'esbuild';
import { browserslistToTargets, bundle } from 'lightningcss';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const [pkg, site, hashes] = process.argv.slice(2);
if (!hashes) {
  console.error('usage: node site/build.mjs PKG SITE HASHES');
  process.exit(2);
}
const fresh = `${site}.new`;
const written = [];

/** Writes a file of the site under a name with its hash, which it returns. */
function writeHashed(kind, content) {
  const hash = createHash('sha256').update(content).digest('base64url').slice(0, 22);
  const name = `frontrow.${hash}.${kind}`;
  writeFileSync(path.join(fresh, 'pkg', name), content);
  written.push(`${kind}: ${hash}\n`);
  return name;
}

function wasm() {
  const small = path.join(pkg, 'small.wasm');
  const features = ['--enable-bulk-memory', '--enable-nontrapping-float-to-int'];
  execFileSync('wasm-opt', ['-Oz', ...features, path.join(pkg, 'frontrow_bg.wasm'), '-o', small], { stdio: 'inherit' });
  return writeHashed('wasm', readFileSync(small));
}

function script(wasmName) {
  const source = readFileSync(path.join(pkg, 'frontrow.js'), 'utf8').replaceAll('frontrow_bg.wasm', wasmName);
  return writeHashed('js', transformSync(source, { minify: true, format: 'esm', target: 'es2022' }).code);
}

function style() {
  const { code } = bundle({
    filename: path.join(root, 'style/main.css'),
    minify: true,
    targets: browserslistToTargets(browserslist('defaults')),
  });
  return writeHashed('css', code);
}

/** Browsers are sent what lies beside a file instead of it. What does not get smaller is sent as it is. */
function compress(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) {
      compress(file);
      continue;
    }
    const content = readFileSync(file);
    const params = { [constants.BROTLI_PARAM_SIZE_HINT]: content.length };
    const variants = { br: brotliCompressSync(content, { params }), gz: gzipSync(content, { level: 9 }) };
    for (const [ending, packed] of Object.entries(variants)) {
      if (packed.length < content.length) writeFileSync(`${file}.${ending}`, packed);
    }
  }
}

rmSync(fresh, { recursive: true, force: true });
cpSync(path.join(root, 'public'), fresh, { recursive: true });
mkdirSync(path.join(fresh, 'pkg'));
script(wasm());
style();
compress(fresh);
rmSync(site, { recursive: true, force: true });
renameSync(fresh, site);
writeFileSync(hashes, written.join(''));
