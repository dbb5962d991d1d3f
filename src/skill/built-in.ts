/** The ten skills that come with Muster. */
import { createActSkill } from "./automation/act.ts";
import { type ActPolicy, nothingAllowed } from "./automation/act-policy.ts";
import { detect } from "./automation/detect.ts";
import { createMonitorSkill } from "./automation/monitor.ts";
import { editing } from "./content/editing.ts";
import { research } from "./content/research.ts";
import { writing } from "./content/writing.ts";
import { analyze } from "./data/analyze.ts";
import { collect } from "./data/collect.ts";
import { inspect } from "./data/inspect.ts";
import { visualize } from "./data/visualize.ts";
import type { AnySkill } from "./skill.ts";

/** Their names, which are the task types. */
export const builtInNames: readonly string[] = [
	"research",
	"writing",
	"editing",
	"collect",
	"analyze",
	"inspect",
	"visualize",
	"monitor",
	"detect",
	"act",
];

/** @param policy what `act` may do to the outside world and which commands `monitor` may run. Default: nothing */
export const builtInSkills = (policy: ActPolicy = nothingAllowed): AnySkill[] => [
	research,
	writing,
	editing,
	collect,
	analyze,
	inspect,
	visualize,
	createMonitorSkill(policy),
	detect,
	createActSkill(policy),
];
