/** Concurrency keys and groups that Muster makes itself. No caller's key begins so, nor any workflow's name. Pure. */
export const OWN_KEYS = "@muster:";

export const isOwnKey = (key: string): boolean => key.startsWith(OWN_KEYS);

/** Of the tasks or runs of a schedule that go one after the other. */
export const overlapKey = (schedule: string): string => `${OWN_KEYS}schedule:${schedule}`;
