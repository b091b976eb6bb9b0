// Package workflows holds .github against the rest of the tree: what a workflow names must exist, what it may do must be as
// little as it needs, and the role that it takes must trust it. No runner is needed, and none of it shows that GitHub would
// run a workflow to its end.
package workflows
