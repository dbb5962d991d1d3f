import { HandClock } from "../clock.ts";
import { MusterError } from "../errors.ts";
import { journalConformance } from "./conformance.ts";
import { MemoryStore } from "./memory.ts";

const turns = async (): Promise<void> => {
	for (let i = 0; i < 20; i++) await new Promise<void>((resolve) => setImmediate(resolve));
};

journalConformance({
	name: "memory",
	create() {
		const store = new MemoryStore();
		const clock = new HandClock();
		const failWith = (error: unknown) => () => Promise.reject(error);
		return {
			open: async (sink) => store.open({ clock, sink, onFailure: () => undefined }),
			setFull(full) {
				store.write = full ? failWith(new MusterError("E_STORAGE_FULL", "no space")) : () => Promise.resolve();
			},
			breakIt() {
				store.write = failWith(new Error("the disk is gone"));
			},
			async passTime() {
				await turns();
				clock.advance(1_000);
				await turns();
			},
		};
	},
});
