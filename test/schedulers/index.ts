import { airflow } from './airflow.ts'
import { celery } from './celery.ts'
import { dask } from './dask.ts'
import { galaxyTpv } from './galaxy-tpv.ts'
import { nextflow } from './nextflow.ts'
import { ray } from './ray.ts'
import type { Scheduler } from './scheduler.ts'
import { slurm } from './slurm.ts'
import { slurmRunner } from './slurm-runner.ts'
import { snakemake } from './snakemake.ts'

export const schedulers: readonly Scheduler[] = [
  slurm,
  slurmRunner,
  nextflow,
  snakemake,
  airflow,
  galaxyTpv,
  celery,
  dask,
  ray,
]
