// A TCP proxy to the server whose connections can be cut.

import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface Line {
  url: string;
  /** Breaks every connection, and each new one, until `mend` is called. */
  cut(): void;
  mend(): void;
  close(): Promise<void>;
}

/** Forwards bytes. Needed because Chromium's own "offline" does not close open streams. */
export async function openLine(to: string): Promise<Line> {
  const target = new URL(to);
  const sockets = new Set<Socket>();
  let whole = true;
  const server = createServer((near) => {
    const far = connect(Number(target.port), target.hostname);
    for (const [socket, other] of [[near, far], [far, near]] as const) {
      sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
    if (!whole) near.destroy();
  });
  const breakAll = () => sockets.forEach((socket) => socket.destroy());
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut: () => {
      whole = false;
      breakAll();
    },
    mend: () => {
      whole = true;
    },
    close: () => {
      breakAll();
      return new Promise((closed) => server.close(() => closed()));
    },
  };
}
