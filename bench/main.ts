/**
 * npm run bench [-- --runs 5] [-- --only lifecycles] [-- --json]
 *
 * Runs every case several times, each time in a process and a folder of its own, in turn so that a disturbance hits all
 * alike, and prints median and range. It asserts nothing: a figure that falls short is shown as such.
 */
import { spawn } from "node:child_process";
import { availableParallelism, cpus, loadavg, release, totalmem, type } from "node:os";
import { parseArgs } from "node:util";
import type { Figure } from "./case.ts";
import { percentile } from "./case.ts";

const names = [
	"lifecycles",
	"latency",
	"agents",
	"keys",
	"pause",
	"schedules",
	"workflows",
	"fan-out",
	"chain",
	"recovery",
	"list",
	"bus",
	"http",
	"rss",
];
const { values } = parseArgs({
	options: {
		runs: { type: "string", default: "5" },
		only: { type: "string" },
		json: { type: "boolean", default: false },
	},
});
const chosen = values.only === undefined ? names : values.only.split(",");
const runs = Number(values.runs);
const unknown = chosen.filter((name) => !names.includes(name));
if (unknown.length > 0 || !Number.isInteger(runs) || runs < 1) {
	process.stderr.write(`usage: npm run bench -- [--runs 5] [--only ${names.join(",")}] [--json]\n`);
	process.exit(2);
}

const measured = new Map<string, { figure: Figure; all: number[] }>();
for (let run = 1; run <= runs; run++) {
	for (const name of chosen) {
		process.stderr.write(`run ${run} of ${runs}: ${name}\n`);
		for (const figure of await runCase(name)) {
			const entry = measured.get(figure.name) ?? { figure, all: [] };
			entry.all.push(figure.value);
			measured.set(figure.name, entry);
		}
	}
}
const rows = [...measured.values()].map(({ figure, all }) => ({
	...figure,
	value: percentile(all, 0.5),
	least: Math.min(...all),
	most: Math.max(...all),
	runs: all.length,
}));
const machine = {
	date: new Date().toISOString(),
	node: process.version,
	sqlite: process.versions.sqlite,
	system: `${type()} ${release()}`,
	cpu: cpus()[0]?.model ?? "unknown",
	cores: availableParallelism(),
	memoryGB: Math.round(totalmem() / 1e9),
	load: loadavg().map((load) => Math.round(load * 100) / 100),
};
if (values.json) process.stdout.write(`${JSON.stringify({ machine, figures: rows }, null, "\t")}\n`);
else print();

function runCase(name: string): Promise<Figure[]> {
	return new Promise((resolve, reject) => {
		const path = new URL(`./cases/${name}.ts`, import.meta.url).pathname;
		const child = spawn(process.execPath, [path], { stdio: ["ignore", "pipe", "inherit"] });
		let output = "";
		child.stdout.on("data", (chunk: Buffer) => {
			output += chunk.toString();
		});
		child.on("error", reject);
		child.on("exit", (code) => {
			if (code === 0) resolve(JSON.parse(output) as Figure[]);
			else reject(new Error(`the case ${name} ended with ${code}`));
		});
	});
}

function print(): void {
	const { date, node, sqlite, system, cpu, cores, memoryGB, load } = machine;
	process.stdout.write(`${date}  Node ${node}, SQLite ${sqlite}, ${system}, ${cores} x ${cpu}, ${memoryGB} GB\n`);
	process.stdout.write(
		`load of the machine before and during: ${load.join(", ")}; median (least - most) of ${runs} runs\n\n`,
	);
	for (const row of rows) {
		const range = `(${format(row.least)} - ${format(row.most)})`;
		const value = `${format(row.value)} ${row.unit}`;
		process.stdout.write(`${row.name.padEnd(48)}${value.padStart(16)}  ${range.padEnd(24)}${verdict(row)}\n`);
	}
}

function verdict({ goal, value }: Figure): string {
	if (goal === undefined) return "";
	const [reached, text] =
		"atLeast" in goal
			? [value >= goal.atLeast, `>= ${format(goal.atLeast)}`]
			: [value <= goal.atMost, `<= ${format(goal.atMost)}`];
	return reached ? `goal ${text}` : `goal ${text}: not reached`;
}

function format(value: number): string {
	if (value >= 1_000) return Math.round(value).toLocaleString("en");
	return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
