// Vertex normals, gathered: one invocation a vertex, which visits the triangles around it. No atomics, so the
// order of the additions, and with it every bit of the result, is the same on each run.

struct Mesh {
  vertexCount: u32,
}

@group(0) @binding(0) var<uniform> mesh: Mesh;
@group(0) @binding(1) var<storage, read> positions: array<f32>;
@group(0) @binding(2) var<storage, read> triangles: array<u32>;
// Vertex v's triangles are adjacency[firstTriangle[v] ..< firstTriangle[v + 1]].
@group(0) @binding(3) var<storage, read> firstTriangle: array<u32>;
@group(0) @binding(4) var<storage, read> adjacency: array<u32>;
@group(0) @binding(5) var<storage, read_write> normals: array<f32>;

fn position(vertex: u32) -> vec3f {
  return vec3f(positions[3 * vertex], positions[3 * vertex + 1], positions[3 * vertex + 2]);
}

@compute @workgroup_size(64)
fn computeNormals(@builtin(global_invocation_id) id: vec3u) {
  let vertex = id.x;
  if (vertex >= mesh.vertexCount) {
    return;
  }
  var sum = vec3f(0);
  for (var i = firstTriangle[vertex]; i < firstTriangle[vertex + 1]; i++) {
    let t = 3 * adjacency[i];
    let corner = vec3u(triangles[t], triangles[t + 1], triangles[t + 2]);
    // Turn the triangle so that it starts at this vertex; its winding stays.
    var next = corner.y;
    var last = corner.z;
    if (corner.y == vertex) {
      next = corner.z;
      last = corner.x;
    } else if (corner.z == vertex) {
      next = corner.x;
      last = corner.y;
    }
    let here = position(vertex);
    let a = position(next) - here;
    let b = position(last) - here;
    // Weight by 1 / (|a|^2 |b|^2) (Max 1999): large and thin neighbours do not drag the normal along.
    let weight = max(dot(a, a) * dot(b, b), 1e-12);
    sum += cross(a, b) / weight;
  }
  let normal = sum / max(length(sum), 1e-12);
  normals[3 * vertex] = normal.x;
  normals[3 * vertex + 1] = normal.y;
  normals[3 * vertex + 2] = normal.z;
}
