/** The nine skills that come with Muster. */
import { createActSkill } from "./act.ts";
import type { ActPolicy } from "./act-policy.ts";
import { analyze } from "./analyze.ts";
import { collect } from "./collect.ts";
import { detect } from "./detect.ts";
import { editing } from "./editing.ts";
import { createMonitorSkill } from "./monitor.ts";
import { research } from "./research.ts";
import type { AnySkill } from "./skill.ts";
import { visualize } from "./visualize.ts";
import { writing } from "./writing.ts";

/** @param policy what `act` may do to the outside world and which commands `monitor` may run */
export const builtInSkills = (policy: ActPolicy): AnySkill[] => [
	research,
	writing,
	editing,
	collect,
	analyze,
	visualize,
	createMonitorSkill(policy),
	detect,
	createActSkill(policy),
];
