import { mkdtempSync, rmSync, unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as pause } from "node:timers/promises";
import { fill, smallDisk } from "../../test/faults/small-disk.ts";
import { systemClock } from "../clock.ts";
import { fullTests, journalConformance } from "./conformance.ts";
import { openSqliteJournal } from "./sqlite.ts";

const disk = smallDisk(8);

journalConformance({
	name: "sqlite",
	create(t) {
		const folder = mkdtempSync(join(disk?.folder ?? tmpdir(), "muster-journal-"));
		const filler = join(folder, "filler");
		t.after(() => rmSync(folder, { recursive: true, force: true }));
		const data = join(folder, "data");
		return {
			open: (sink) =>
				openSqliteJournal({
					folder: data,
					durability: "full",
					keepBytes: 2 ** 30,
					snapshotBytes: 2 ** 30,
					clock: systemClock,
					sink,
					onFailure: () => undefined,
					onNotice: () => undefined,
				}),
			setFull(full) {
				if (disk === undefined) throw new Error("there is no disk that may be filled");
				if (!full) return unlinkSync(filler);
				fill(filler);
			},
			breakIt() {
				const db = new DatabaseSync(join(data, "journal.db"), { timeout: 5_000 });
				db.exec("ALTER TABLE batches RENAME TO elsewhere");
				db.close();
			},
			// The journal tries again twice a second; it has no event for "there is still no space".
			passTime: () => pause(700),
		};
	},
	knownGaps:
		disk === undefined
			? Object.fromEntries(fullTests.map((title) => [title, "only root can mount a disk to fill"]))
			: {},
});
