/** A disk of a few megabytes that a test can fill: a tmpfs, so only root can have one. */
import { execFileSync } from "node:child_process";
import { appendFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";

/** Gone when the tests of the file are over; undefined where it cannot be mounted. */
export function smallDisk(megabytes: number): { folder: string } | undefined {
	const folder = mkdtempSync(join(tmpdir(), "muster-disk-"));
	try {
		execFileSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "none", folder], { stdio: "ignore" });
	} catch {
		rmSync(folder, { recursive: true });
		return undefined;
	}
	after(() => {
		execFileSync("umount", ["-l", folder]);
		rmSync(folder, { recursive: true });
	});
	return { folder };
}

/** Makes this file as large as its disk allows. */
export function fill(path: string): void {
	for (let bytes = 1024 * 1024; bytes >= 512; ) {
		try {
			appendFileSync(path, Buffer.alloc(bytes));
		} catch (error) {
			if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
			bytes /= 2;
		}
	}
}
