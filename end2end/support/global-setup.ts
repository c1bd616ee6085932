import { Server } from './server';
import { admin, organiser } from './people';

/** Starts one server for all tests; each test has its own concert and accounts. */
export default async function setUp(): Promise<() => Promise<void>> {
  const server = await Server.start();
  try {
    server.create('organiser', organiser.accountName, organiser.password);
    server.create('admin', admin.accountName, admin.password);
  } catch (error) {
    await server.stop().catch(() => {});
    throw error;
  }
  // The workers inherit it.
  process.env.FRONTROW_END2END_URL = server.url;
  return () => server.stop();
}
