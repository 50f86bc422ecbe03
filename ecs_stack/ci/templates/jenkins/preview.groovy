stage('Preview') {
    when {
        beforeAgent true
        changeRequest()
        expression { !env.CHANGE_FORK }  // anybody can open one from a fork
    }
    agent any
    environment {
        PREVIEW = "pr-${env.CHANGE_ID}"
        AWS_ROLE_ARN = '<<preview_role>>'
        AWS_REGION = '<<region>>'
    }
    steps {
        sh 'rm -f preview.json'  // what an earlier build left
        sh '<<venv>>'
        withCredentials([file(credentialsId: 'ecs-stack-aws', variable: 'AWS_WEB_IDENTITY_TOKEN_FILE')]) {
            sh 'ci/images "$GIT_COMMIT" >images.txt'
            sh 'xargs .venv/bin/ecs-stack ephemeral up "$PREVIEW" --branch "$CHANGE_BRANCH" --sha "$GIT_COMMIT" --owner "$CHANGE_AUTHOR" --wait --json <images.txt >preview.json'
        }
    }
    post {
        always {
            withCredentials([string(credentialsId: 'ecs-stack-forge', variable: 'FORGE_TOKEN')]) {
                sh '.venv/bin/ecs-stack ci comment "$PREVIEW" --from preview.json'
            }
        }
    }
}

stage('Prune previews') {
    when {
        beforeAgent true
        branch '<<branch>>'
        triggeredBy 'TimerTrigger'
    }
    agent any
    environment {
        AWS_ROLE_ARN = '<<preview_role>>'
        AWS_REGION = '<<region>>'
    }
    steps {
        sh '<<venv>>'
        withCredentials([
            file(credentialsId: 'ecs-stack-aws', variable: 'AWS_WEB_IDENTITY_TOKEN_FILE'),
            string(credentialsId: 'ecs-stack-forge', variable: 'FORGE_TOKEN')
        ]) {
            sh '.venv/bin/ecs-stack ci open >open.txt'
            sh '.venv/bin/ecs-stack ephemeral prune --yes --keep-open @open.txt'
        }
    }
}

