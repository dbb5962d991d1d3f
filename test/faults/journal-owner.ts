/** A process that owns a data folder until it is killed. */
import { openAt } from "./journal-folder.ts";

const open = await openAt(process.argv[2] as string);
open.announce("http://127.0.0.1:1234");
await open.journal.append([JSON.stringify({ type: "epoch.started", at: 1, epoch: 7 })], "fact").durable;
process.send?.("open");
