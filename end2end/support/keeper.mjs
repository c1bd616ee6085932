// Runs `frontrow serve` in a data directory of its own for as long as our standard input stays open. Whoever started us
// holds the other end: however they end, killed included, the server is stopped, waited for, and its data removed.

import { spawn } from 'node:child_process';
import { mkdtempSync, openSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const [binary, log] = process.argv.slice(2);

// In memory where there is room: every commit waits for the disk, and some disks stop for seconds while a browser writes.
const MEMORY = '/dev/shm';
const ROOM = 2 ** 31;
const hasRoom = () => {
  try {
    const { bavail, bsize } = statfsSync(MEMORY);
    return bavail * bsize > ROOM;
  } catch {
    return false;
  }
};
const dataDir = mkdtempSync(join(hasRoom() ? MEMORY : tmpdir(), 'frontrow-end2end-'));

const server = spawn(binary, ['serve', '--listen', '127.0.0.1:0'], {
  env: { ...process.env, FRONTROW_DATA_DIR: dataDir, NO_COLOR: '1' },
  stdio: ['ignore', 'pipe', openSync(log, 'w')],
});

const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);
process.stdout.on('error', () => {});

let output = '';
server.stdout.setEncoding('utf8').on('data', (text) => {
  output += text;
  const url = /Frontrow is at (http:\S+)/.exec(output)?.[1];
  if (url) {
    output = '';
    say({ url, dataDir });
  }
});

const end = (message) => {
  rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 });
  say(message);
  process.exit();
};
server.on('error', (error) => end({ failed: error.message }));
server.on('exit', (code, signal) => end({ exit: code ?? signal }));

// Once: a second signal means that somebody cannot wait.
let stopping = false;
const stop = () => {
  if (!stopping) server.kill('SIGINT');
  stopping = true;
};
process.stdin.resume().on('close', stop);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, stop);
