// Measures a data set in shards, each a task of its own, puts them together and cleans them: the same
// steps as in the Snakefile beside this file.
//
//     nextflow run examples/main.nf -resume --images=/data/images --masks=/data/masks \
//         --out=/data/run --shards=16 --options='--channels green'
//
// The tables are written into --out itself, which all tasks see, since an image table names images and
// masks as they are found from its own folder. A task that was killed goes on where it was (--resume).
// An image that can't be measured stops nothing: exit code 1 says that there are some, and the image
// table names them.
//
// In a container, made by the Containerfile of this repository or by one of your own:
//
//     nextflow run examples/main.nf -with-docker --container=registry/cellsieve:0.1.0 --images=...
//
// -with-podman and -with-apptainer do the same. The folders --images, --masks and --out are mounted
// under their own names, and no others: keep a file that --options names, as that of --labels, in one of
// them. With Docker, add `docker.runOptions = '-u $(id -u):$(id -g)'` to your nextflow.config, so that
// tasks may write into --out and the files are yours.
//
// The tests run the commands below in a shell, with 4 shards. Nextflow itself has run this file nowhere
// yet: it is written by the rules of the strict syntax, which 26.04 and later ask for.

params.images = null
params.masks = null
params.out = null
params.shards = 4
params.format = 'csv' // or parquet
params.options = '' // of measure, as --labels and --channels
params.clean = '--by none' // options of clean
params.container = 'cellsieve' // the image, where containers are used

// Docker, Podman and Apptainer read this alike.
def mounts() {
    return [params.images, params.masks, params.out]
        .collect { path -> file(path).toString() }
        .unique()
        .collect { path -> "--mount 'type=bind,src=${path},dst=${path}'" }
        .join(' ')
}

process MEASURE {
    container "${params.container}"
    containerOptions { mounts() }
    cpus 2
    errorStrategy 'retry'
    maxRetries 2

    input:
    val shard

    output:
    val "${file(params.out)}/shards/${shard}.${params.format}"

    script:
    """
    cellsieve measure '${file(params.images)}' --masks '${file(params.masks)}' ${params.options} \
        --resume --quiet --shard ${shard}/${params.shards} --jobs ${task.cpus} \
        -o '${file(params.out)}/shards/${shard}.${params.format}' || test \$? -eq 1
    """
}

process MERGE {
    container "${params.container}"
    containerOptions { mounts() }

    input:
    val parts

    output:
    val "${file(params.out)}/cells.${params.format}"

    script:
    """
    cellsieve merge '${parts.join("' '")}' -o '${file(params.out)}/cells.${params.format}' --overwrite
    """
}

process CLEAN {
    container "${params.container}"
    containerOptions { mounts() }

    input:
    val cells

    output:
    val "${file(params.out)}/clean.${params.format}"

    script:
    """
    cellsieve clean '${cells}' -o '${file(params.out)}/clean.${params.format}' --overwrite \
        ${params.clean}
    """
}

workflow {
    ['images', 'masks', 'out'].each { name ->
        if (params[name] == null) {
            error("--${name} is missing")
        }
    }
    file(params.out).mkdirs() // what is not there can't be mounted
    shards = channel.of(1..(params.shards as Integer))
    CLEAN(MERGE(MEASURE(shards).collect()))
}
