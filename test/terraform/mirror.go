package terraform

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// MirrorVariable names a folder laid out as a provider mirror (terraform providers mirror), for machines without a registry.
const MirrorVariable = "LLAC_TERRAFORM_MIRROR"

const awsProvider = "registry.terraform.io/hashicorp/aws"

// CLIConfig writes a configuration of the terraform program into dir and returns its path. It takes the provider from a
// mirror where there is one, and else from Terraform's public registry. What the machine itself has configured is not
// relied on: TF_CLI_CONFIG_FILE may name a file that is not there.
func CLIConfig(dir string) (string, error) {
	config := "# no mirror of providers was found: the public registry is used\n"
	if mirror := Mirror(); mirror != "" {
		config = fmt.Sprintf(`provider_installation {
  filesystem_mirror {
    path    = %q
    include = [%q]
  }
  direct {
    exclude = [%q]
  }
}
`, mirror, awsProvider, awsProvider)
	}
	at := filepath.Join(dir, "terraform.rc")
	return at, os.WriteFile(at, []byte(config), 0o644)
}

// Mirror is the folder of a provider mirror: what MirrorVariable names, else what is found in Terraform's own implied places
// or right under the folders where software is installed. It returns "" if there is no mirror.
func Mirror() string {
	if named := os.Getenv(MirrorVariable); named != "" {
		return named
	}
	var look []string
	if home, err := os.UserHomeDir(); err == nil {
		look = append(look, filepath.Join(home, ".terraform.d", "plugins"), filepath.Join(home, ".local", "share", "terraform", "plugins"),
			filepath.Join(home, "Library", "Application Support", "io.terraform", "plugins"))
	}
	for _, parent := range []string{"/usr/local/share", "/usr/share", "/opt", "/srv", "/var/lib"} {
		children, err := os.ReadDir(parent)
		if err != nil {
			continue
		}
		for _, c := range children {
			look = append(look, filepath.Join(parent, c.Name()), filepath.Join(parent, c.Name(), "plugins"))
		}
	}
	for _, dir := range look {
		if isMirror(dir) {
			return dir
		}
	}
	return ""
}

// isMirror reports whether dir has the provider for this machine, unpacked or zipped.
func isMirror(dir string) bool {
	at := filepath.Join(dir, filepath.FromSlash(awsProvider))
	platform := runtime.GOOS + "_" + runtime.GOARCH
	unpacked, _ := filepath.Glob(filepath.Join(at, "5.*", platform))
	zipped, _ := filepath.Glob(filepath.Join(at, "*_"+platform+".zip"))
	return len(unpacked)+len(zipped) > 0
}
