package redistest

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"

	"github.com/testcontainers/testcontainers-go"
)

// image returns the name of an image with the Redis of this machine and the libraries it needs, and the path of a program in
// it. It builds the image, which has nothing else, unless the engine has it: nothing is pulled.
func image(ctx context.Context, provider *testcontainers.DockerProvider, program string) (name, path string, err error) {
	if path, err = exec.LookPath(program); err != nil {
		return "", "", err
	}
	files, err := imageFiles()
	if err != nil {
		return "", "", err
	}
	const repo = "signalbox-redis"
	tag, err := version(files)
	if err != nil {
		return "", "", err
	}
	name = repo + ":" + tag
	if _, err := provider.Client().ImageInspect(ctx, name); err == nil {
		return name, path, nil
	}
	archive, err := buildContext(files)
	if err != nil {
		return "", "", err
	}
	_, err = provider.BuildImage(ctx, &testcontainers.ContainerRequest{
		FromDockerfile: testcontainers.FromDockerfile{
			ContextArchive: bytes.NewReader(archive), Repo: repo, Tag: tag, KeepImage: true,
		},
	})
	return name, path, err
}

// library is the path in a line of ldd: "libm.so.6 => /lib/libm.so.6 (0x…)" or, of the loader, "/lib64/ld.so (0x…)".
var library = regexp.MustCompile(`(?m)(/\S+) \(0x`)

// imageFiles are the paths of the programs and of the libraries they are linked with, the dynamic loader among them.
func imageFiles() ([]string, error) {
	var files []string
	for _, program := range []string{"redis-server", "redis-sentinel", "redis-cli"} {
		path, err := exec.LookPath(program)
		if err != nil {
			return nil, err
		}
		files = append(files, path)
		out, err := exec.Command("ldd", path).CombinedOutput()
		if err != nil {
			return nil, fmt.Errorf("ldd %s: %w: %s", path, err, out)
		}
		for _, m := range library.FindAllStringSubmatch(string(out), -1) {
			files = append(files, m[1])
		}
	}
	slices.Sort(files)
	return slices.Compact(files), nil
}

// version is a name for the files as they are now, by their sizes and times: to read them all for every server is slow.
func version(files []string) (string, error) {
	h := sha256.New()
	for _, path := range files {
		info, err := os.Stat(path)
		if err != nil {
			return "", err
		}
		fmt.Fprintln(h, path, info.Size(), info.ModTime().UnixNano())
	}
	return fmt.Sprintf("%x", h.Sum(nil))[:16], nil
}

// buildContext is an archive of the files, at their places below root/, and a Dockerfile that copies them.
func buildContext(files []string) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	add := func(name string, mode int64, content []byte) error {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: mode, Size: int64(len(content))}); err != nil {
			return err
		}
		_, err := w.Write(content)
		return err
	}
	if err := add("Dockerfile", 0o644, []byte("FROM scratch\nCOPY root /\n")); err != nil {
		return nil, err
	}
	for _, path := range files {
		content, err := os.ReadFile(path) // the file behind a link, at the place of the link
		if err != nil {
			return nil, err
		}
		if err := add("root/"+strings.TrimPrefix(path, "/"), 0o755, content); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
