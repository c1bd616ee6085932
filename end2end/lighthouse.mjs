// Lighthouse on the release build, as on a phone: `make lighthouse`. Fails when any category of any page is below 95, and
// leaves each page's report in .artifacts/lighthouse/.

import { launch } from 'chrome-launcher';
import lighthouse from 'lighthouse';
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const LEAST = 95;
/** Of so many rounds the middle one counts: a machine that does something else meanwhile is slow for one of them. */
const ROUNDS = Number(process.env.ROUNDS ?? 3);
const CATEGORIES = ['performance', 'accessibility', 'best-practices', 'seo'];

const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.join(here, '..');
const artifacts = path.join(here, '.artifacts', 'lighthouse');
const binary = process.env.FRONTROW_BIN ?? path.join(root, 'target/release/frontrow');
const organiser = { name: 'house-manager', password: 'seven tents in the rain' };

const environment = () => {
  const settings = Object.entries(process.env).filter(([name]) => !/^(FRONTROW_|DATABASE_URL$|REDIS_URL$)/.test(name));
  return { ...Object.fromEntries(settings), LEPTOS_SITE_ROOT: process.env.LEPTOS_SITE_ROOT ?? path.join(root, 'target/site') };
};

/** A server with stores of its own; it stops when `stop` is called, or when we end. */
async function serve() {
  const keeper = spawn(process.execPath, [path.join(here, 'support/keeper.mjs'), binary, path.join(artifacts, 'server.log')], {
    env: environment(),
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const line = await new Promise((resolve, reject) => {
    createInterface({ input: keeper.stdout }).once('line', resolve);
    keeper.once('exit', () => reject(new Error('the server did not start')));
  });
  const { url, dataDir } = JSON.parse(line);
  if (!url) throw new Error(line);
  const make = ['admin', 'create', '--role', 'organiser', '--account-name', organiser.name, '--email', 'house@example.com'];
  const made = spawnSync(binary, make, {
    env: { ...environment(), FRONTROW_DATA_DIR: dataDir, FRONTROW_ADMIN_PASSWORD: organiser.password },
    encoding: 'utf8',
  });
  if (made.status !== 0) throw new Error(made.stdout + made.stderr);
  const stop = () => new Promise((stopped) => keeper.once('exit', stopped).stdin.end());
  return { url, stop };
}

/** Posts a form as a script does; the cookies are those of the session that begins with it. */
async function post(url, endpoint, fields, cookie = '') {
  const response = await fetch(`${url}/api/${endpoint}`, { method: 'POST', headers: { cookie }, body: new URLSearchParams(fields) });
  const body = await response.text();
  if (!response.ok) throw new Error(`${endpoint} answered ${response.status}: ${body}`);
  const cookies = response.headers.getSetCookie().map((cookie) => cookie.split(';')[0]);
  return { answer: JSON.parse(body), cookie: cookies.join('; ') };
}

async function signUp(url, name) {
  const fields = { account_name: name, password: 'correct horse battery', name, nickname: name, email: `${name}@example.com` };
  return (await post(url, 'sign_up', fields)).cookie;
}

const inDays = (days) => new Date(Date.now() + (days * 24 + 9) * 3_600_000).toISOString().slice(0, 16);

/** A home page that looks like one, and a queue that stands still with somebody in it: home, concert and queue. */
async function stage(url) {
  const { cookie } = await post(url, 'log_in', { account_name: organiser.name, password: organiser.password });
  const genres = ['indie', 'pop', 'rock', 'jazz', 'classical', 'electronic', 'hip_hop', 'traditional'];
  const concerts = [];
  for (const [n, genre] of genres.entries()) {
    const fields = {
      title: n % 2 ? `한강의 밤 ${n}` : `Night Ferry ${n}`,
      artist: 'Low Tide',
      genre,
      venue: 'Nodeul Live House, Seoul',
      starts_at: inDays(30 + n),
      ends_at: inDays(30.1 + n),
      running_minutes: '120',
      price_won: '66000',
      description: 'Songs for the last ferry.\n마지막 배를 위한 노래.',
      capacity: '300',
      sale_opens_at: inDays(n < 4 ? -1 : n),
      batch_size: '1',
      interval_ms: '3600000',
    };
    concerts.push((await post(url, 'create_concert', fields, cookie)).answer);
  }
  const [concert] = concerts;
  const concert_id = String(concert.id);
  // The one ticket of this hour goes to whoever is first.
  const first = await signUp(url, 'first');
  await post(url, 'join_queue', { concert_id }, first);
  const isIssued = async () => {
    const place = await fetch(`${url}/api/queue_view?concert_id=${concert_id}`, { headers: { cookie: first } });
    return (await place.json()).standing === 'issued';
  };
  while (!(await isIssued())) await new Promise((later) => setTimeout(later, 200));
  const waiting = await signUp(url, 'mina');
  await post(url, 'join_queue', { concert_id }, waiting);
  return [
    { name: 'home', url: `${url}/` },
    { name: 'concert', url: `${url}/concerts/${concert.id}-night-ferry-0` },
    { name: 'queue', url: `${url}/concerts/${concert.id}/queue`, cookie: waiting },
  ];
}

async function look(port, page) {
  const settings = {
    port,
    output: 'html',
    logLevel: 'error',
    onlyCategories: CATEGORIES,
    // A place in a queue is watched for as long as the page is open: it never falls silent.
    maxWaitForLoad: 20_000,
    extraHeaders: page.cookie ? { Cookie: page.cookie } : {},
  };
  const { lhr, report } = await lighthouse(page.url, settings);
  if (lhr.runtimeError) throw new Error(`${page.name}: ${lhr.runtimeError.message}`);
  // A page that led elsewhere was not looked at.
  if (new URL(lhr.finalDisplayedUrl).pathname !== new URL(page.url).pathname) throw new Error(`${page.name} led to ${lhr.finalDisplayedUrl}`);
  return { lhr, report };
}

const middle = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

/** The audits that cost a category points, the dearest first. */
function lost(lhr, category) {
  return lhr.categories[category].auditRefs
    .filter(({ id, weight }) => weight > 0 && lhr.audits[id].score !== null && lhr.audits[id].score < 1)
    .sort((a, b) => b.weight * (1 - lhr.audits[b.id].score) - a.weight * (1 - lhr.audits[a.id].score))
    .map(({ id }) => `    ${id}: ${lhr.audits[id].title} ${lhr.audits[id].displayValue ?? ''}`);
}

mkdirSync(artifacts, { recursive: true });
const server = await serve();
const flags = ['--headless=new', '--no-first-run', '--disable-gpu', '--disable-quic', '--disable-background-networking', '--disable-sync'];
if (process.getuid?.() === 0) flags.push('--no-sandbox');
let failed = false;
let chromium;
try {
  const pages = await stage(server.url);
  chromium = await launch({ chromePath: process.env.FRONTROW_CHROMIUM || undefined, chromeFlags: flags });
  for (const page of pages) {
    const rounds = [];
    for (let round = 0; round < ROUNDS; round++) rounds.push(await look(chromium.port, page));
    const last = rounds.at(-1);
    writeFileSync(path.join(artifacts, `${page.name}.html`), last.report);
    for (const category of CATEGORIES) {
      const score = middle(rounds.map(({ lhr }) => Math.round(lhr.categories[category].score * 100)));
      const low = score < LEAST;
      failed ||= low;
      console.log(`${low ? 'LOW ' : 'ok  '} ${String(score).padStart(3)}  ${page.name}, ${category}`);
      if (low) console.log(lost(last.lhr, category).join('\n'));
    }
  }
} finally {
  chromium?.kill();
  await server.stop();
}
console.log(`The reports are in ${path.relative(process.cwd(), artifacts) || '.'}.`);
process.exitCode = failed ? 1 : 0;
