package tls

import (
	"context"
	"crypto/tls"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/source"
	"github.com/llac-project/llac/platform/source/portals"
	"github.com/llac-project/llac/platform/telemetry"
	"github.com/llac-project/llac/test/programs"
)

// offers starts a server and returns its address and the TLS versions that its first client offers.
func offers(t *testing.T) (address string, offered <-chan []uint16) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	found := make(chan []uint16, 1)
	config := &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		select {
		case found <- hello.SupportedVersions:
		default:
		}
		return nil, errors.New("refused: the test only records the versions")
	}}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_ = tls.Server(c, config).Handshake() // always refused
			}()
		}
	}()
	return "https://" + l.Addr().String(), found
}

func check(t *testing.T, offered <-chan []uint16) {
	t.Helper()
	select {
	case versions := <-offered:
		if len(versions) == 0 {
			t.Error("the client offered no version")
		}
		for _, v := range versions {
			if v < tls.VersionTLS12 {
				t.Errorf("the client offers %s", tls.VersionName(v))
			}
		}
	case <-time.After(time.Minute):
		t.Error("no client connected")
	}
}

func TestPortalClients(t *testing.T) {
	t.Parallel()
	for _, k := range portals.All {
		kind := k.Name
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			address, offered := offers(t)
			client, err := portals.All.NewClient(kind, source.Options{Allow: []string{"127.0.0.1"}, MaxTries: 1})
			if err != nil {
				t.Fatal(err)
			}
			target := source.Target{Kind: kind, BaseURL: address, ID: k.ID.Example}
			if _, err := client.Describe(t.Context(), target, events.Validators{}); err == nil {
				t.Error("Describe succeeded without a portal")
			}
			check(t, offered)
		})
	}
}

func TestCollector(t *testing.T) {
	t.Parallel()
	address, offered := offers(t)
	tel, err := telemetry.Setup(t.Context(), telemetry.Config{Service: "stager", Log: io.Discard, Endpoint: address})
	if err != nil {
		t.Fatal(err)
	}
	tel.Metrics.Record(t.Context(), "rows_staged", 1, telemetry.Count)
	_, span := tel.Tracer.Start(t.Context(), "process")
	span.End()
	if err := tel.Shutdown(t.Context()); err == nil {
		t.Error("Shutdown exported to a server that refuses every handshake")
	}
	check(t, offered)
}

// TestPrograms starts the real programs with the test's server as AWS.
func TestPrograms(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"validator": nil, // every service has the same main
		"llac":      {"deploy", "check", "stager", "--env", "dev"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address, offered := offers(t)
			dir, err := programs.Dir()
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			c := exec.CommandContext(ctx, filepath.Join(dir, name), args...)
			c.Env = append(os.Environ(), "LLAC_ENV=dev", "LLAC_DATA_BUCKET=d", "LLAC_CONFIG_BUCKET=c", "AWS_REGION=eu-west-1",
				"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_ENDPOINT_URL="+address)
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			check(t, offered)
			stop()
			_ = c.Wait() // killed, or failed
		})
	}
}

// makers are the files that create an HTTP client or a TLS configuration, and why that is safe: a test above, or a reason. A new
// one needs an entry here.
var makers = map[string]string{
	"platform/source/caller.go":    "TestPortalClients",
	"platform/telemetry/setup.go":  "TestCollector",
	"operations/pipeline/cloud.go": "to the local cloud, http on the loopback interface alone",
	"test/bench/staging/cloud.go":  "to the local cloud, http on the loopback interface alone",
	"test/trino/client.go":         "to the engine of a test, http on the loopback interface alone",
	"test/vulncheck/main.go":       "Go's default client, which offers TLS 1.2 and later; a developer's tool",
}

// TestClientsAreKnown finds every place that creates an HTTP client or a TLS configuration.
func TestClientsAreKnown(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	suspects := []string{
		"http.Transport", "http.Client", "http.DefaultClient", "http.DefaultTransport", "http.Get", "http.Post", "http.Head", "tls.Config",
	}
	found := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := d.Name(); d.IsDir() && path != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "bin") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		ast.Inspect(file, func(n ast.Node) bool {
			if i, ok := n.(*ast.Ident); ok && i.Name == "InsecureSkipVerify" {
				t.Errorf("%s does not verify certificates", rel)
			}
			s, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			pkg, ok := s.X.(*ast.Ident)
			if !ok {
				return true
			}
			name := pkg.Name + "." + s.Sel.Name
			if !slices.Contains(suspects, name) {
				return true
			}
			found[rel] = true
			if makers[rel] == "" {
				t.Errorf("%s uses %s, which may offer an old TLS version; use an existing client, or add a test here and an "+
					"entry to makers", rel, name)
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for file := range makers {
		if !found[file] {
			t.Errorf("%s creates no client any more; remove it from makers", file)
		}
	}
}
