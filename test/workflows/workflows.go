package workflows

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/rhysd/actionlint"
)

// A Problem is one thing that is wrong with a workflow.
type Problem struct {
	File string // its name under .github/workflows
	Line int
	What string
}

func (p Problem) String() string { return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.What) }

// Tree is what workflows may name of the source tree.
type Tree struct {
	Targets      []string          // of the Makefile
	Environments []string          // under terraform/environments
	Services     []string          // which no workflow may list
	Roles        map[string]string // that GitHub may take, by name without llac-<env>-: what the end of the token's subject must be
	Exists       func(path string) bool
	Llac         func(words []string) error // nil if llac has the command, or why not
}

// maxTimeout is the longest that a job may take, in minutes.
const maxTimeout = 60

// Check returns all problems of the workflows, by name.
func Check(files map[string][]byte, tree Tree) ([]Problem, error) {
	c := checker{tree: tree, digests: map[string]string{}}
	if err := c.lint(files); err != nil {
		return nil, fmt.Errorf("actionlint: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		c.file, c.lines = name, strings.Split(string(files[name]), "\n")
		if w, _ := actionlint.Parse(files[name]); w != nil { // lint reported what cannot be parsed
			c.workflow(w)
		}
	}
	return c.problems, nil
}

type checker struct {
	tree     Tree
	file     string
	lines    []string
	digests  map[string]string // by action: the one digest and version of it
	problems []Problem
}

func (c *checker) add(at *actionlint.Pos, format string, args ...any) {
	p := Problem{File: c.file, What: fmt.Sprintf(format, args...)}
	if at != nil {
		p.Line = at.Line
	}
	c.problems = append(c.problems, p)
}

// pinned is a digest and its version.
var pinned = regexp.MustCompile(`@[0-9a-f]{40} # v([0-9]+)(\.[0-9]+)*`)

// lint is actionlint itself, over all workflows together, since some call others. It knows the inputs of actions by their
// versions, so that the second time it is shown those instead of digests.
func (c *checker) lint(files map[string][]byte) error {
	for _, byVersion := range []bool{false, true} {
		dir, err := os.MkdirTemp("", "llac-workflows")
		if err != nil {
			return err
		}
		err = c.lintIn(dir, files, byVersion)
		if err := errors.Join(err, os.RemoveAll(dir)); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) lintIn(dir string, files map[string][]byte, byVersion bool) error {
	at := filepath.Join(dir, ".github", "workflows")
	// actionlint takes a folder with .git in it for a repository.
	if err := errors.Join(os.MkdirAll(filepath.Join(dir, ".git"), 0o755), os.MkdirAll(at, 0o755)); err != nil {
		return err
	}
	for name, text := range files {
		if byVersion {
			text = pinned.ReplaceAll(text, []byte("@v$1"))
		}
		if err := os.WriteFile(filepath.Join(at, name), text, 0o644); err != nil {
			return err
		}
	}
	linter, err := actionlint.NewLinter(io.Discard, &actionlint.LinterOptions{WorkingDir: dir})
	if err != nil {
		return err
	}
	found, err := linter.LintRepository(dir)
	for _, e := range found {
		if p := (Problem{filepath.Base(e.Filepath), e.Line, "actionlint: " + e.Message}); !slices.Contains(c.problems, p) {
			c.problems = append(c.problems, p)
		}
	}
	return err
}

func (c *checker) workflow(w *actionlint.Workflow) {
	for _, on := range w.On {
		if name := on.EventName(); name == "pull_request_target" || name == "workflow_run" {
			c.add(nil, "on %s runs with this repository's rights on what somebody else has written", name)
		}
	}
	if w.Permissions == nil {
		c.add(nil, "the workflow does not state its permissions; permissions: {} and what each job needs")
	} else if rights := writes(w.Permissions); len(rights) > 0 {
		c.add(w.Permissions.Pos, "a workflow may write nothing as a whole; give %s to the job that needs it", strings.Join(rights, ", "))
	}
	for i, line := range c.lines {
		for _, service := range c.tree.Services {
			if regexp.MustCompile(`\b` + service + `\b`).MatchString(line) {
				c.add(&actionlint.Pos{Line: i + 1}, "the service %s is listed by name; test/changed lists services", service)
			}
		}
	}
	for _, job := range w.Jobs {
		c.job(w, job)
	}
}

// publishesPages reports whether a job publishes GitHub Pages, which needs the permissions pages and id-token.
func publishesPages(job *actionlint.Job) bool {
	return slices.ContainsFunc(job.Steps, func(s *actionlint.Step) bool {
		uses, ok := s.Exec.(*actionlint.ExecAction)
		return ok && strings.HasPrefix(uses.Uses.Value, "actions/deploy-pages@")
	})
}

func (c *checker) job(w *actionlint.Workflow, job *actionlint.Job) {
	id := job.ID.Value
	permissions := job.Permissions
	if permissions == nil {
		permissions = w.Permissions
	}
	mayAsk := false
	if permissions != nil {
		for _, right := range writes(permissions) {
			if right != "id-token" && !(right == "pages" && publishesPages(job)) {
				c.add(job.Pos, "job %s may write %s, which nothing here needs", id, right)
			}
			mayAsk = mayAsk || right == "id-token"
		}
	}
	if job.WorkflowCall != nil {
		if !strings.HasPrefix(job.WorkflowCall.Uses.Value, "./") {
			c.add(job.WorkflowCall.Uses.Pos, "job %s calls the workflow of another repository", id)
		} else if !c.tree.Exists(strings.TrimPrefix(job.WorkflowCall.Uses.Value, "./")) {
			c.add(job.WorkflowCall.Uses.Pos, "there is no %s", job.WorkflowCall.Uses.Value)
		}
		if job.WorkflowCall.InheritSecrets || len(job.WorkflowCall.Secrets) > 0 {
			c.add(job.Pos, "job %s passes secrets on; the project has no secrets", id)
		}
		c.deploys(w, job)
		if mayAsk && !onlyMain(job) {
			c.add(job.Pos,
				"job %s may take roles, and does not require that it runs on main alone: if: github.ref == 'refs/heads/main'", id)
		}
		return
	}
	if job.TimeoutMinutes == nil || job.TimeoutMinutes.Value > maxTimeout {
		c.add(job.Pos, "job %s has no timeout of at most %d minutes", id, maxTimeout)
	}
	role := ""
	for _, step := range job.Steps {
		if r := c.step(step); r != "" {
			role = r
		}
	}
	c.matrix(w, job)
	switch {
	case role == "" && mayAsk && !publishesPages(job):
		c.add(job.Pos, "job %s may ask for roles, and takes none", id)
	case role != "" && !mayAsk:
		c.add(job.Pos, "job %s takes a role and may not ask for it: permissions: id-token: write", id)
	case role != "":
		c.role(w, job, role)
	}
}

// deploys checks that a job that deploys waits for every other job of its workflow, and requires their results.
func (c *checker) deploys(w *actionlint.Workflow, job *actionlint.Job) {
	if job.WorkflowCall.Uses.Value != "./.github/workflows/deploy.yml" {
		return
	}
	for _, id := range slices.Sorted(maps.Keys(w.Jobs)) {
		if other := w.Jobs[id]; other == job {
			continue
		}
		if !slices.ContainsFunc(job.Needs, func(s *actionlint.String) bool { return s.Value == id }) {
			c.add(job.Pos, "job %s deploys and does not need job %s", job.ID.Value, id)
		}
		if job.If == nil || !strings.Contains(job.If.Value, "needs."+id+".result") {
			c.add(job.Pos, "job %s deploys whatever the result of job %s is: needs.%s.result", job.ID.Value, id, id)
		}
	}
}

// writes are the rights to write among permissions.
func writes(p *actionlint.Permissions) []string {
	var out []string
	if p.All != nil && p.All.Value != "read-all" {
		out = append(out, p.All.Value)
	}
	for _, name := range slices.Sorted(maps.Keys(p.Scopes)) {
		if p.Scopes[name].Value.Value == "write" {
			out = append(out, name)
		}
	}
	return out
}

// used is an action by its repository and digest.
var used = regexp.MustCompile(`^([A-Za-z0-9_.-]+/[A-Za-z0-9_./-]+)@([0-9a-f]{40})$`)

// version is the comment behind a digest.
var version = regexp.MustCompile(`# (v[0-9]+\.[0-9]+\.[0-9]+)$`)

// step checks one step and returns the role that it takes, if any.
func (c *checker) step(step *actionlint.Step) (role string) {
	switch exec := step.Exec.(type) {
	case *actionlint.ExecAction:
		return c.action(exec)
	case *actionlint.ExecRun:
		if exec.Run.ContainsExpression() {
			c.add(exec.Run.Pos, "a command has an expression in it, which the shell would run; hand it over by env")
		}
		c.commands(exec)
	}
	return ""
}

func (c *checker) action(exec *actionlint.ExecAction) (role string) {
	m := used.FindStringSubmatch(exec.Uses.Value)
	if m == nil {
		c.add(exec.Uses.Pos, "%s is not pinned by digest: owner/name@<40 hex digits> # vX.Y.Z", exec.Uses.Value)
		return ""
	}
	name, digest := m[1], m[2]
	says := version.FindStringSubmatch(strings.TrimSpace(c.lines[exec.Uses.Pos.Line-1]))
	if says == nil {
		c.add(exec.Uses.Pos, "%s does not name the version of its digest: # vX.Y.Z", name)
		return ""
	}
	if pin := digest + " " + says[1]; c.digests[name] == "" {
		c.digests[name] = pin
	} else if c.digests[name] != pin {
		c.add(exec.Uses.Pos, "%s is pinned to %s here and to %s elsewhere", name, pin, c.digests[name])
	}
	switch name {
	case "actions/checkout":
		if v := input(exec, "persist-credentials"); v != "false" {
			c.add(exec.Uses.Pos, "checkout leaves its token in the work tree; persist-credentials: false")
		}
	case "aws-actions/configure-aws-credentials":
		for _, secret := range []string{"aws-access-key-id", "aws-secret-access-key"} {
			if input(exec, secret) != "" {
				c.add(exec.Uses.Pos, "%s: no key is stored; a role is taken", secret)
			}
		}
		if role = input(exec, "role-to-assume"); role == "" {
			c.add(exec.Uses.Pos, "no role is taken: role-to-assume")
		}
	}
	return role
}

func input(exec *actionlint.ExecAction, name string) string {
	if in := exec.Inputs[name]; in != nil {
		return in.Value.Value
	}
	return ""
}

var (
	makeCommand = regexp.MustCompile(`(?m)(?:^|[\s;&|(])make((?:[ \t]+[^\s;&|)>]+)+)`)
	goRun       = regexp.MustCompile(`\bgo run \./([a-z/]+)`)
	llacCommand = regexp.MustCompile(`(?:\bgo run \./cmd/llac|\bbin/llac)((?:[ \t]+[a-z-]+)+)`)
	script      = regexp.MustCompile(`(?m)(?:^|\s)(\.ci/[a-z-]+|terraform/tf)\b`)
)

// commands checks that what a step runs is there.
func (c *checker) commands(exec *actionlint.ExecRun) {
	text := exec.Run.Value
	for _, m := range makeCommand.FindAllStringSubmatch(text, -1) {
		for _, word := range strings.Fields(m[1]) {
			if strings.Contains(word, "=") || strings.HasPrefix(word, "-") {
				continue
			}
			if !slices.Contains(c.tree.Targets, word) {
				c.add(exec.Run.Pos, "make has no target %s", word)
			}
		}
	}
	for _, m := range slices.Concat(goRun.FindAllStringSubmatch(text, -1), script.FindAllStringSubmatch(text, -1)) {
		if !c.tree.Exists(m[1]) {
			c.add(exec.Run.Pos, "%s does not exist", m[1])
		}
	}
	for _, m := range llacCommand.FindAllStringSubmatch(text, -1) {
		words := strings.Fields(m[1])
		if i := slices.IndexFunc(words, func(w string) bool { return strings.HasPrefix(w, "-") }); i >= 0 {
			words = words[:i]
		}
		if err := c.tree.Llac(words); err != nil {
			c.add(exec.Run.Pos, "llac %s: %v", strings.Join(words, " "), err)
		}
	}
}

// matrix checks that what a job is repeated over comes from the program that finds it out, and that nothing found means no job.
func (c *checker) matrix(w *actionlint.Workflow, job *actionlint.Job) {
	if job.Strategy == nil || job.Strategy.Matrix == nil || job.Strategy.Matrix.Rows["service"] == nil {
		return
	}
	id := job.ID.Value
	row := job.Strategy.Matrix.Rows["service"]
	from := regexp.MustCompile(`^\$\{\{ fromJSON\(needs\.([a-z-]+)\.outputs\.([a-z-]+)\) \}\}$`)
	var m []string
	if row.Expression != nil {
		m = from.FindStringSubmatch(row.Expression.Value)
	}
	if m == nil {
		c.add(job.Pos, "the services of job %s are not an output of the job that finds them out", id)
		return
	}
	if job.If == nil || !strings.Contains(job.If.Value, "needs."+m[1]+".outputs."+m[2]+" != '[]'") {
		c.add(job.Pos, "job %s fails where no service has changed, instead of being left out: if: needs.%s.outputs.%s != '[]'", id,
			m[1], m[2])
	}
	finder := w.Jobs[m[1]]
	if finder == nil || finder.Outputs[m[2]] == nil {
		c.add(job.Pos, "job %s has no output %s", m[1], m[2])
		return
	}
	step := regexp.MustCompile(`^\$\{\{ steps\.([a-z-]+)\.outputs\.` + m[2] + ` \}\}$`).FindStringSubmatch(finder.Outputs[m[2]].Value.Value)
	for _, s := range finder.Steps {
		run, ok := s.Exec.(*actionlint.ExecRun)
		if ok && step != nil && s.ID != nil && s.ID.Value == step[1] && strings.Contains(run.Run.Value,
			m[2]+"=$(go run ./test/changed ") && strings.Contains(run.Run.Value, `echo "`+m[2]+`=$`+m[2]+`" >>"$GITHUB_OUTPUT"`) {
			return
		}
	}
	c.add(job.Pos, "output %s of job %s is not the output of test/changed", m[2], m[1])
}

var (
	// assumed is a role by the rule of its name.
	assumed = regexp.MustCompile(`^arn:aws:iam::\$\{\{ (?:vars\.LLAC_ACCOUNT_([A-Z]+)|inputs\.account) \}\}` +
		`:role/llac-(?:([a-z]+)|\$\{\{ (inputs\.env) \}\})-([a-z-]+)$`)
	// named is a role that a variable of the repository names.
	named = regexp.MustCompile(`^\$\{\{ vars\.LLAC_([A-Z]+)_ROLE \}\}$`)
)

// byVariable are the roles that variables name.
var byVariable = map[string]string{"MARTS": "dbt"}

// role checks that the role which a job takes would trust it: by the branch, or by the environment.
func (c *checker) role(w *actionlint.Workflow, job *actionlint.Job, arn string) {
	id := job.ID.Value
	name, env := "", ""
	if m := assumed.FindStringSubmatch(arn); m != nil {
		name, env = m[4], m[2]
		if m[3] != "" {
			env = "${{ " + m[3] + " }}"
		}
		if m[1] != "" && strings.ToLower(m[1]) != env {
			c.add(job.Pos, "job %s takes a role of %s in the account of %s", id, env, strings.ToLower(m[1]))
		}
	} else if m := named.FindStringSubmatch(arn); m != nil {
		name = byVariable[m[1]]
	}
	subject, known := c.tree.Roles[name]
	if !known {
		c.add(job.Pos, "job %s takes a role that terraform/stacks/security does not make for GitHub: %s", id, arn)
		return
	}
	there := ""
	if job.Environment != nil && job.Environment.Name != nil {
		there = job.Environment.Name.Value
	}
	switch {
	case subject == "environment:${var.env}" && there == "":
		c.add(job.Pos, "the role %s trusts jobs of a GitHub environment, and job %s is in none", name, id)
	case subject == "environment:${var.env}" && env != "" && there != env:
		c.add(job.Pos, "the role %s of %s does not trust job %s, which is in the environment %s", name, env, id, there)
	case strings.HasPrefix(subject, "ref:") && there != "":
		c.add(job.Pos, "the role %s trusts a branch; the token of job %s names its environment %s instead", name, id, there)
	case strings.HasPrefix(subject, "ref:") && !onlyMain(job):
		c.add(job.Pos,
			"the role %s trusts one branch, and job %s does not require that it runs there alone: if: github.ref == 'refs/heads/main'",
			name, id)
	}
	if env != "" && !strings.HasPrefix(env, "${{") && !slices.Contains(c.tree.Environments, env) {
		c.add(job.Pos, "unknown environment %s: not under terraform/environments", env)
	}
	concurrency := job.Concurrency
	if concurrency == nil {
		concurrency = w.Concurrency
	}
	if concurrency == nil || concurrency.CancelInProgress == nil || concurrency.CancelInProgress.Expression != nil ||
		concurrency.CancelInProgress.Value {
		c.add(job.Pos, "job %s works in an account and may be stopped half-way: concurrency, cancel-in-progress: false", id)
	}
}

func onlyMain(job *actionlint.Job) bool {
	return job.If != nil && strings.Contains(job.If.Value, "github.ref == 'refs/heads/main'") && !strings.Contains(job.If.Value, "||")
}
