package workflows

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/llac-project/llac/cmd/llac/cli"
	"github.com/llac-project/llac/operations/deploy"
	"github.com/llac-project/llac/platform/clock"
)

const repository = "../.."

func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(repository, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// workflows are the files of .github/workflows, by name.
func workflows(t *testing.T) map[string][]byte {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(repository, ".github/workflows/*.y*ml"))
	if err != nil || len(found) < 5 {
		t.Fatalf("%v, error %v", found, err)
	}
	out := map[string][]byte{}
	for _, f := range found {
		out[filepath.Base(f)] = read(t, ".github/workflows/"+filepath.Base(f))
	}
	return out
}

var (
	target  = regexp.MustCompile(`(?m)^([a-z][a-z-]*):(?:[^=]|$)`)
	subject = regexp.MustCompile(`(?m)^\s*([a-z-]+)\s*=\s*"repo:\$\{var\.github_repository\}:([^"]+)"`)
)

func tree(t *testing.T) Tree {
	t.Helper()
	out := Tree{
		Services: deploy.Services(),
		Roles:    map[string]string{},
		Exists:   func(path string) bool { _, err := os.Stat(filepath.Join(repository, path)); return err == nil },
		Llac:     llac,
	}
	for _, m := range target.FindAllSubmatch(read(t, "Makefile"), -1) {
		out.Targets = append(out.Targets, string(m[1]))
	}
	environments, err := os.ReadDir(filepath.Join(repository, "terraform/environments"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range environments {
		if e.IsDir() {
			out.Environments = append(out.Environments, e.Name())
		}
	}
	roles := read(t, "terraform/stacks/security/roles.tf")
	for _, m := range subject.FindAllSubmatch(roles, -1) {
		out.Roles[string(m[1])] = string(m[2])
	}
	// What the checks above take for granted of the trust policy and of the roles' names.
	for _, want := range []string{
		`"${local.github}:aud" = "sts.amazonaws.com", "${local.github}:sub" = subject`,
		`Condition = { StringEquals = { "${local.github}:aud"`, `name                 = "${local.prefix}-${each.key}"`,
	} {
		if !bytes.Contains(roles, []byte(want)) {
			t.Errorf("terraform/stacks/security/roles.tf lacks %s: check whether it still trusts workflows as these tests assume",
				want)
		}
	}
	if len(out.Targets) < 15 || len(out.Environments) < 2 || len(out.Roles) < 3 || len(out.Services) < 6 {
		t.Fatalf("%+v", out)
	}
	return out
}

// llac reports whether a command exists, by its help.
func llac(words []string) error {
	var out, log bytes.Buffer
	app := cli.App{Stdout: &out, Stderr: &log, Clock: clock.System{}, Getenv: func(string) string { return "" }}
	if status := app.Execute(context.Background(), append(slices.Clone(words), "--help")); status != 0 {
		return errors.New(log.String())
	}
	if want := "llac " + strings.Join(words, " "); !strings.Contains(out.String(), want+" [") && !strings.Contains(out.String(),
		want+" <") && !strings.Contains(out.String(), want+"\n") {
		return fmt.Errorf("its help is another command's:\n%s", out.String())
	}
	return nil
}

func TestWorkflows(t *testing.T) {
	t.Parallel()
	problems, err := Check(workflows(t), tree(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Error(p)
	}
}

// TestBrokenWorkflows checks that each check fails on a workflow that is broken in its way.
func TestBrokenWorkflows(t *testing.T) {
	t.Parallel()
	sound, tree := workflows(t), tree(t)
	const checkout = "actions/checkout@de0fac2e4500dabe0009e67214ff5f5447ce83dd # v6.0.2"
	const publish = "uses: actions/deploy-pages@d6db90164ac5ed86f2b6aed7e0febac5b3c0c03e # v4.0.5"
	for name, c := range map[string]struct{ file, old, new, want string }{
		"no YAML": {"ci.yml", "jobs:", "jobs: [", "actionlint: "},
		"an unknown key": {"ci.yml", "    timeout-minutes: 45", "    timeout-minutes: 45\n    retries: 3",
			`actionlint: unexpected key "retries"`},
		"an unknown input": {"ci.yml", "          fetch-depth: 0 # the commit", "          depth: 0 # the commit",
			`actionlint: input "depth" is not defined`},
		"an unknown input of a call": {"deploy.yml", "      env: dev", "      environment: dev",
			"actionlint: input \"environment\" is not defined"},
		"a tag":          {"ci.yml", checkout, "actions/checkout@v6", "actions/checkout@v6 is not pinned by digest"},
		"a short digest": {"security.yml", checkout, "actions/checkout@de0fac2 # v6.0.2", "is not pinned by digest"},
		"no version": {"ci.yml", checkout, "actions/checkout@de0fac2e4500dabe0009e67214ff5f5447ce83dd",
			"does not name the version"},
		"half a version": {"ci.yml", checkout, "actions/checkout@de0fac2e4500dabe0009e67214ff5f5447ce83dd # v6",
			"does not name the version"},
		"two digests": {"marts.yml", checkout, "actions/checkout@1234567890123456789012345678901234567890 # v6.0.2",
			"elsewhere"},
		"a token left behind": {"ci.yml", "persist-credentials: false", "persist-credentials: true",
			"persist-credentials: false"},
		"no permissions": {"security.yml", "permissions: {}\n", "", "does not state its permissions"},
		"rights of a whole workflow": {"ci.yml", "permissions: {}\n", "permissions:\n  id-token: write\n",
			"a workflow may write nothing as a whole"},
		"all rights": {"ci.yml", "permissions: {}\n", "permissions: write-all\n",
			"a workflow may write nothing as a whole"},
		"pages that are not published": {"docs.yml", publish, "run: make docs", "job publish may write pages"},
		"pages in a job of another workflow": {"security.yml", "      contents: read", "      contents: read\n      pages: write",
			"job vulnerabilities may write pages"},
		"a role of a job without pages": {"docs.yml", publish, "run: make docs", "job publish may ask for roles, and takes none"},
		"a right too many besides pages": {"docs.yml", "      pages: write", "      pages: write\n      contents: write",
			"job publish may write contents"},
		"a right too many": {"security.yml", "      contents: read", "      contents: write", "may write contents"},
		"a role that is not taken": {"security.yml", "      contents: read", "      contents: read\n      id-token: write",
			"may ask for roles, and takes none"},
		"a role not asked for": {"deploy-environment.yml", "      id-token: write # for the role; there is no stored key\n",
			"", "may not ask for it"},
		"no timeout":          {"security.yml", "    timeout-minutes: 20\n", "", "has no timeout"},
		"a timeout of hours":  {"ci.yml", "    timeout-minutes: 45", "    timeout-minutes: 360", "has no timeout of at most"},
		"pull_request_target": {"ci.yml", "  pull_request:\n", "  pull_request_target:\n", "pull_request_target runs with"},
		"workflow_run": {"security.yml", "  workflow_dispatch:\n", "  workflow_run:\n    workflows: [ci]\n",
			"workflow_run runs with"},
		"an expression in a command": {"ci.yml", `--base "$BASE"`, `--base "${{ github.head_ref }}"`,
			"a command has an expression in it"},
		"a target that is not there": {"ci.yml", "make sbom SERVICE", "make bom SERVICE", "make has no target bom"},
		"a command that is not there": {"deploy-environment.yml", "bin/llac deploy running", "bin/llac deploy runs",
			"llac deploy runs: "},
		"a program that is not there": {"ci.yml", "go run ./test/changed", "go run ./test/change", "test/change does not exist"},
		"a script that is not there":  {"ci.yml", "run: .ci/run", "run: .ci/walk", ".ci/walk does not exist"},
		"a deploy that may be stopped": {"deploy-environment.yml", "cancel-in-progress: false", "cancel-in-progress: true",
			"may be stopped half-way"},
		"marts that may be stopped":  {"marts.yml", "  cancel-in-progress: false\n", "", "may be stopped half-way"},
		"a deploy in no environment": {"deploy-environment.yml", "    environment: ${{ inputs.env }}\n", "", "is in none"},
		"in another environment": {"deploy-environment.yml", "    environment: ${{ inputs.env }}\n", "    environment: dev\n",
			"does not trust job deploy, which is in the environment dev"},
		"marts in no environment": {"marts.yml", "    environment: ${{ vars.LLAC_ENV }} # which the role trusts\n", "", "is in none"},
		"a plan in an environment": {"ci.yml", "    name: plan (${{ matrix.service }}, dev)\n", "    environment: dev\n",
			"names its environment dev instead"},
		"a plan on every branch": {"ci.yml", "github.event_name == 'push' && github.ref == 'refs/heads/main' && vars",
			"vars", "does not require that it runs there alone"},
		"a plan on main or not": {"ci.yml", "github.ref == 'refs/heads/main' && vars",
			"(github.ref == 'refs/heads/main' || true) && vars", "does not require that it runs there alone"},
		"a deploy of every branch": {"deploy.yml", "github.ref == 'refs/heads/main' && vars.LLAC_ACCOUNT_DEV",
			"vars.LLAC_ACCOUNT_DEV", "does not require that it runs on main alone"},
		"a deploy that does not wait": {"ci.yml", "needs: [changed, all, slow, alone,", "needs: [changed, all, alone,",
			"job deploy deploys and does not need job slow"},
		"a deploy despite a failure": {"ci.yml", "needs.slow.result == 'success' && ", "",
			"job deploy deploys whatever the result of job slow is"},
		"a role that is not made": {"ci.yml", "role/llac-dev-github-plan", "role/llac-dev-github-planner",
			"does not make for GitHub"},
		"a service's own role": {"ci.yml", "role/llac-dev-github-plan", "role/llac-dev-stager", "does not make for GitHub"},
		"another account's role": {"ci.yml", "role/llac-dev-github-plan", "role/llac-prod-github-plan",
			"takes a role of prod in the account of dev"},
		"a stored key": {"deploy-environment.yml", "          role-session-name",
			"          aws-access-key-id: ${{ secrets.KEY }}\n          role-session-name", "no key is stored"},
		"no role": {"ci.yml",
			"          role-to-assume: arn:aws:iam::${{ vars.LLAC_ACCOUNT_DEV }}:role/llac-dev-github-plan\n", "", "no role is taken"},
		"secrets handed on": {"deploy.yml", "    with:\n      env: dev", "    secrets: inherit\n    with:\n      env: dev",
			"passes secrets on"},
		"another's workflow": {"ci.yml", "uses: ./.github/workflows/deploy.yml", "uses: a/b/.github/workflows/deploy.yml@v1",
			"workflow of another repository"},
		"services by hand": {"ci.yml", "service: ${{ fromJSON(needs.changed.outputs.services) }}",
			"service: [stager, fetcher]", "are not an output of the job"},
		"and by name": {"ci.yml", "service: ${{ fromJSON(needs.changed.outputs.services) }}",
			"service: [stager, fetcher]", "stager is listed by name"},
		"jobs of nothing": {"ci.yml", "    if: needs.changed.outputs.services != '[]'\n", "",
			"fails where no service has changed"},
		"not the output of test/changed": {"ci.yml", "services=$(go run ./test/changed --base \"$BASE\")", "services='[\"one\"]'",
			"is not the output of test/changed"},
		"a failure that is not seen": {"ci.yml",
			"          services=$(go run ./test/changed --base \"$BASE\")\n          echo \"services=$services\"",
			"          echo \"services=$(go run ./test/changed --base \"$BASE\")\"", "is not the output of test/changed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			broken := maps.Clone(sound)
			if broken[c.file] = bytes.ReplaceAll(sound[c.file], []byte(c.old), []byte(c.new)); bytes.Equal(broken[c.file], sound[c.file]) {
				t.Fatalf("%s does not contain %q", c.file, c.old)
			}
			problems, err := Check(broken, tree)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(problems, func(p Problem) bool { return strings.Contains(p.String(), c.want) }) {
				t.Errorf("want %q among %v", c.want, problems)
			}
		})
	}
}

// dependabot is what of .github/dependabot.yml is looked at.
type dependabot struct {
	Updates []struct {
		Ecosystem   string `yaml:"package-ecosystem"`
		Directory   string
		Directories []string
	}
}

// unwatched are the folders that an ecosystem of Dependabot's leaves out.
func (d dependabot) unwatched(ecosystem string, folders []string) []string {
	var patterns []string
	for _, u := range d.Updates {
		if u.Ecosystem == ecosystem {
			patterns = append(append(patterns, u.Directories...), u.Directory)
		}
	}
	return slices.DeleteFunc(slices.Clone(folders), func(folder string) bool {
		return slices.ContainsFunc(patterns, func(p string) bool { same, _ := filepath.Match(p, "/"+folder); return same })
	})
}

// Dependabot watches every module, requirements file, root and workflow.
func TestDependabotWatchesEverything(t *testing.T) {
	t.Parallel()
	var d dependabot
	if err := yaml.Unmarshal(read(t, ".github/dependabot.yml"), &d); err != nil {
		t.Fatal(err)
	}
	found := map[string][]string{"github-actions": {""}}
	named := map[string]string{"go.mod": "gomod", "requirements.txt": "pip", ".terraform.lock.hcl": "terraform"}
	err := filepath.WalkDir(repository, func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() && (e.Name() == "testdata" || e.Name() == "bin" || e.Name() == "examples" || strings.HasPrefix(e.Name(), ".") &&
			path != repository) {
			return filepath.SkipDir
		}
		if ecosystem := named[e.Name()]; ecosystem != "" && !e.IsDir() {
			folder, err := filepath.Rel(repository, filepath.Dir(path))
			found[ecosystem] = append(found[ecosystem], filepath.ToSlash(folder))
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for ecosystem, folders := range found {
		if left := d.unwatched(ecosystem, folders); len(left) > 0 {
			t.Errorf(".github/dependabot.yml leaves out of %s: %v", ecosystem, left)
		}
	}
	if len(found["gomod"]) < 10 || len(found["pip"]) < 2 || len(found["terraform"]) < 7 {
		t.Errorf("found only %v", found)
	}
	if left := d.unwatched("gomod", []string{"services/stager", "services/new/module", "bakery"}); !slices.Equal(left,
		[]string{"services/new/module", "bakery"}) {
		t.Errorf("a module that is not listed would not be found: %v", left)
	}
}

// TestVariablesAreDocumented checks that docs/deploying.md sets exactly the variables that the workflows read.
func TestVariablesAreDocumented(t *testing.T) {
	t.Parallel()
	variable := regexp.MustCompile(`\bvars\.(LLAC_[A-Z_]+)`)
	setCommand := regexp.MustCompile(`\bgh variable set (LLAC_[A-Z_]+)`)
	names := func(e *regexp.Regexp, texts ...[]byte) []string {
		var out []string
		for _, m := range e.FindAllSubmatch(bytes.Join(texts, []byte("\n")), -1) {
			out = append(out, string(m[1]))
		}
		slices.Sort(out)
		return slices.Compact(out)
	}
	used, documented := names(variable, slices.Collect(maps.Values(workflows(t)))...), names(setCommand, read(t, "docs/deploying.md"))
	if len(used) < 3 || !slices.Equal(used, documented) {
		t.Errorf("the workflows read %v, docs/deploying.md documents %v", used, documented)
	}
}
