/** A task at times: what was missed while nothing ran is made up for, and 7 o'clock stays 7 o'clock when the clocks change. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineSkill, HandClock, startOrchestrator } from "../src/index.ts";

const skills = [defineSkill({ name: "report", description: "Writes the report of the day.", run: () => "a report" })];
const dataDir = await mkdtemp(join(tmpdir(), "muster-"));
// Clocks moved by hand, so that three days pass at once. Leave them out, and it is your machine's time.
const friday = new HandClock(Date.parse("2026-10-23T12:00:00Z"));
const first = await startOrchestrator({ dataDir, skills, clock: friday });
const daily = {
	...{ id: "daily-report", cron: "0 7 * * *", timezone: "Europe/Berlin", task: { type: "report" } },
	...({ overlap: "skip", missed: "last" } as const), // the defaults
};
await first.schedule(daily);
await first.schedule(daily); // the same again changes nothing: a program may say it at each start
console.log("next:", first.schedules()[0]?.nextAt);
await first.shutdown();

const monday = new HandClock(Date.parse("2026-10-26T12:00:00Z"));
const second = await startOrchestrator({ dataDir, skills, clock: monday });
// What was missed is made up for right after the start.
for await (const { type } of second.events()) if (type === "schedule.fired") break;
const [schedule] = second.schedules();
const task = await second.wait(schedule?.last?.as ?? "");
console.log("due:", schedule?.last?.dueAt, task.state, task.output);
console.log("fired:", schedule?.fired, "missed:", schedule?.skipped, "next:", schedule?.nextAt);
await second.unschedule("daily-report");
console.log("left:", second.schedules().length);
await second.shutdown();
await rm(dataDir, { recursive: true });

/* Output:
next: 2026-10-24T05:00:00.000Z
due: 2026-10-26T06:00:00.000Z completed a report
fired: 1 missed: 2 next: 2026-10-27T06:00:00.000Z
left: 0
*/
