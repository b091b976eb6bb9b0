package cli

import (
	"context"
	goruntime "runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/llac-project/llac/platform/runtime"
)

// versionReply is the data of `llac version`.
type versionReply struct {
	Build    string   `json:"build"`
	Commit   string   `json:"commit,omitempty"`
	Time     string   `json:"commit_time,omitempty"`
	Modified bool     `json:"modified"` // built from a tree with changes
	Go       string   `json:"go"`
	Platform string   `json:"platform"`
	Modules  []module `json:"modules"`
}

type module struct {
	Path    string `json:"path"`
	Version string `json:"version"`
}

// shownModules are the modules whose versions explain how the tool behaves.
var shownModules = []string{
	"github.com/apache/arrow-go/", "github.com/aws/aws-sdk-go-v2", "github.com/ThreeDotsLabs/watermill",
	"github.com/johannesboyne/gofakes3",
	"go.opentelemetry.io/otel", "github.com/spf13/cobra",
}

func (a *App) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Show which build this is",
		Long: `Show the commit, the Go version and the versions of the modules that this
program was built from.` + exitStatus(exitOK),
		Example: `  llac version
  llac version --json | jq -r .data.commit`,
		Args: cobra.NoArgs,
		RunE: a.run("version", func(context.Context, []string) (reply, error) { return runVersion(), nil }),
	}
}

func runVersion() reply {
	v := versionReply{Build: runtime.Build(), Go: goruntime.Version(), Platform: goruntime.GOOS + "/" + goruntime.GOARCH,
		Modules: []module{}}
	if info, ok := debug.ReadBuildInfo(); ok {
		v.fill(info)
	}
	return reply{data: v, text: func(t *text) { versionText(t, v) }}
}

// fill adds what the linker has recorded.
func (v *versionReply) fill(info *debug.BuildInfo) {
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Commit = s.Value
		case "vcs.time":
			v.Time = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	for _, d := range info.Deps {
		for _, prefix := range shownModules {
			if d.Path == strings.TrimSuffix(prefix, "/") || strings.HasSuffix(prefix, "/") && strings.HasPrefix(d.Path, prefix) {
				v.Modules = append(v.Modules, module{d.Path, d.Version})
			}
		}
	}
}

func versionText(t *text, v versionReply) {
	t.line("llac %s (%s, %s)", v.Build, v.Go, v.Platform)
	if v.Commit != "" {
		changed := ""
		if v.Modified {
			changed = ", with changes"
		}
		t.line("commit %s of %s%s", v.Commit, v.Time, changed)
	}
	for _, m := range v.Modules {
		t.line("  %s %s", m.Path, m.Version)
	}
}
